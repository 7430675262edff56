-- Purpose: what the tenant's queued, running and deferred task instances hold, per pool, run and task.
-- Locks: none. Index: task_instance_active. Bound: the tenant's active task instances.
SELECT pool, dag_id, dag_run_id, task_id, state = 'deferred' AS deferred, count(*)::int, sum(pool_slots)::int
FROM task_instance
WHERE tenant_id = (SELECT app.tenant()) AND state IN ('queued', 'running', 'restarting', 'deferred')
GROUP BY pool, dag_id, dag_run_id, task_id, state = 'deferred'
