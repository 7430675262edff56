-- The data keys older than the newest, locked against whoever still seals with one.
-- Locks: the rows, in id order. Index: data_key_tenant_id_uk. Bound: the tenant's keys, which rotations keep few.
SELECT id
FROM data_key
WHERE tenant_id = app.tenant() AND id < %(newest)s::uuid
ORDER BY id
LIMIT 1000
FOR UPDATE
