-- Sealed password and extra into a row that `place_connection` locked. Index: connection_tenant_id_uk. Bound: 1 row.
UPDATE connection
SET sealed = %(sealed)s::bytea
WHERE tenant_id = app.tenant() AND id = %(id)s::uuid
