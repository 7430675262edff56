-- A new data key for the tenant in scope.
-- Locks: the new row. Bound: 1 row.
INSERT INTO data_key (id, tenant_id, wrapped, kek_id, created_at)
VALUES (%(id)s::uuid, app.tenant(), %(wrapped)s::bytea, %(kek_id)s::text, %(now)s::timestamptz)
