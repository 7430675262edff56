-- Data keys that no row names any more. Locks: the rows, held already. Index: data_key_tenant_id_uk. Bound: those.
DELETE FROM data_key
WHERE tenant_id = app.tenant() AND id = ANY (%(ids)s::uuid[])
