-- The chain of the tenant in scope. Locks: none. Index: secret_chain_uk. Bound: 1 row.
SELECT id, stores, sealed, declared_only, version, updated_at
FROM secret_chain
WHERE tenant_id = (SELECT app.tenant()) AND version > 0
LIMIT 1
