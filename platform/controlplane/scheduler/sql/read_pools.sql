-- Purpose: the tenant's pools, its bound on active tasks, and the share of it that backfills may hold. Locks: none.
SELECT p.name, p.slots, p.include_deferred, t.max_active_tasks,
       coalesce((t.settings->>'backfill_share')::float8, 0.5)
FROM pool p JOIN tenant t ON t.id = p.tenant_id
WHERE p.tenant_id = (SELECT app.tenant())
