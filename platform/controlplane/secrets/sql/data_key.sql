-- One data key of the tenant in scope, newest or older.
-- Locks: none. Index: data_key_tenant_id_uk. Bound: 1 row.
SELECT kek_id, wrapped
FROM data_key
WHERE tenant_id = app.tenant() AND id = %(id)s::uuid
LIMIT 1
