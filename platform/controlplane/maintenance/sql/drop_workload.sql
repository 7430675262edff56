-- Purpose: parse or build work that was lost too often is given up. Locks: one row.
DELETE FROM workload
WHERE tenant_id = (SELECT app.tenant()) AND kind = %(kind)s::text AND ref = %(ref)s::uuid AND epoch = %(epoch)s::int
