-- Purpose: one publisher and one storer of parse results at a time per tenant: "newest" stays true until commit.
-- Locks: the tenant's row, without hindering foreign keys to it. Index: primary key. Bound: one row.
SELECT id FROM tenant WHERE id = (SELECT app.tenant()) FOR NO KEY UPDATE
