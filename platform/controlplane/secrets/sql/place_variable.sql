-- The row of a Variable, made if there is none, and whether it was; it is locked until the value is filled in.
-- Locks: the row. Index: variable_key_uk. Bound: 1 row.
INSERT INTO variable AS v (id, tenant_id, key, sealed, updated_at)
VALUES (%(id)s::uuid, app.tenant(), %(key)s::text, ''::bytea, %(now)s::timestamptz)
ON CONFLICT (tenant_id, key) DO UPDATE SET updated_at = excluded.updated_at
RETURNING v.id, v.id = %(id)s::uuid
