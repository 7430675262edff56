-- The data key that seals for the tenant in scope.
-- Locks: none. Index: primary key, data_key_tenant_id_uk. Bound: 1 row.
SELECT id, kek_id, wrapped
FROM data_key
WHERE tenant_id = app.tenant()
ORDER BY id DESC
LIMIT 1
