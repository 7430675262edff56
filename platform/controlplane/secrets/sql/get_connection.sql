-- One Connection with its sealed part. Locks: none. Index: connection_id_uk. Bound: 1 row.
SELECT id, conn_type, host, schema, login, port, sealed
FROM connection
WHERE tenant_id = app.tenant() AND conn_id = %(conn_id)s::text
LIMIT 1
