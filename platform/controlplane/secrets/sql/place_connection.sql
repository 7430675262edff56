-- The row of a Connection, made or replaced but for its secrets, and whether it is new; locked until those are
-- filled in. Locks: the row. Index: connection_id_uk. Bound: 1 row.
INSERT INTO connection AS c
    (id, tenant_id, conn_id, conn_type, description, host, login, schema, port, updated_at)
VALUES
    (%(id)s::uuid, app.tenant(), %(conn_id)s::text, %(conn_type)s::text, %(description)s::text,
     %(host)s::text, %(login)s::text, %(schema)s::text, %(port)s::int, %(now)s::timestamptz)
ON CONFLICT (tenant_id, conn_id) DO UPDATE SET
    conn_type = excluded.conn_type, description = excluded.description, host = excluded.host,
    login = excluded.login, schema = excluded.schema, port = excluded.port, sealed = NULL,
    updated_at = excluded.updated_at
RETURNING c.id, c.id = %(id)s::uuid
