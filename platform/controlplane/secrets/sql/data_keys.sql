-- The data keys of the tenant in scope, the one that seals first.
-- Locks: none. Index: data_key_tenant_id_uk. Bound: the tenant's keys, which rotations keep few.
SELECT id, kek_id
FROM data_key
WHERE tenant_id = app.tenant()
ORDER BY id DESC
LIMIT 1000
