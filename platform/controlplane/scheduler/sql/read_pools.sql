-- Purpose: the tenant's pools and its bound on active tasks. Locks: none.
SELECT p.name, p.slots, p.include_deferred, t.max_active_tasks
FROM pool p JOIN tenant t ON t.id = p.tenant_id
WHERE p.tenant_id = (SELECT app.tenant())
