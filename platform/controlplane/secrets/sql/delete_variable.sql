-- Delete one Variable. Locks: the row. Index: variable_key_uk. Bound: 1 row.
DELETE FROM variable
WHERE tenant_id = app.tenant() AND key = %(key)s::text
RETURNING id
