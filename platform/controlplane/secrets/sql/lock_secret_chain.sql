-- The row of the tenant's chain, made empty (version 0) if there is none, locked until it is filled.
-- Locks: the row. Index: secret_chain_uk. Bound: 1 row.
INSERT INTO secret_chain AS c (id, tenant_id, stores, version, updated_at)
VALUES (%(id)s::uuid, app.tenant(), '[]'::jsonb, 0, %(now)s::timestamptz)
ON CONFLICT (tenant_id) DO UPDATE SET updated_at = c.updated_at
RETURNING c.id, c.version
