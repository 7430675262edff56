-- Purpose: one publisher and one storer of parse results at a time per tenant: "newest" stays true until commit.
-- Locks: a transaction-scoped advisory lock of this tenant (any role may take it; row locks need UPDATE rights).
SELECT pg_advisory_xact_lock(hashtextextended('bundles:' || (SELECT app.tenant())::text, 0))
