-- The data key that seals for the tenant in scope, held until the end of the transaction: no rotation retires it
-- before what it seals is committed.
-- Locks: the row, shared. Index: primary key, data_key_tenant_id_uk. Bound: 1 row.
SELECT id, kek_id, wrapped
FROM data_key
WHERE tenant_id = app.tenant()
ORDER BY id DESC
LIMIT 1
FOR KEY SHARE
