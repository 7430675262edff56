-- Purpose: a lock by name, if nobody holds it. Locks: a transaction-scoped advisory lock, not waited for.
-- Index: none. Bound: 1 row. Rows out: (whether it is held now).
SELECT pg_try_advisory_xact_lock(hashtextextended(%(name)s::text, 7411))
