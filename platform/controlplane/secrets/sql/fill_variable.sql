-- The sealed value into a row that `place_variable` locked. Index: variable_tenant_id_uk. Bound: 1 row.
UPDATE variable
SET sealed = %(sealed)s::bytea, description = %(description)s::text
WHERE tenant_id = app.tenant() AND id = %(id)s::uuid
