-- The sealed value of one Variable. Locks: none. Index: variable_key_uk. Bound: 1 row.
SELECT id, sealed
FROM variable
WHERE tenant_id = app.tenant() AND key = %(key)s::text
LIMIT 1
