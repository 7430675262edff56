-- Delete one Connection. Locks: the row. Index: connection_id_uk. Bound: 1 row.
DELETE FROM connection
WHERE tenant_id = app.tenant() AND conn_id = %(conn_id)s::text
RETURNING id
