-- What a locked chain holds from now on. Locks: the row, held already. Index: secret_chain_uk. Bound: 1 row.
UPDATE secret_chain
SET stores = %(stores)s::jsonb, sealed = %(sealed)s::bytea, declared_only = %(declared_only)s::boolean,
    version = %(version)s::int, updated_at = %(now)s::timestamptz
WHERE tenant_id = (SELECT app.tenant())
