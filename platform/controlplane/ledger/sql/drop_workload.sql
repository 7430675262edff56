-- Purpose: parse or build work is over: nothing to do when claimed, or lost too often. Locks: one row.
-- Index: workload_uk. Bound: 1 row; a late epoch drops nothing.
DELETE FROM workload
WHERE tenant_id = (SELECT app.tenant()) AND kind = %(kind)s::text AND ref = %(ref)s::uuid AND epoch = %(epoch)s::int
