-- Purpose: what the tenant's queued, running and deferred task instances hold, per pool, run and task, with
-- the bound on the run.
-- Locks: none. Index: task_instance_active. Bound: the tenant's active task instances.
SELECT ti.pool, ti.dag_id, ti.dag_run_id, ti.task_id, ti.state = 'deferred' AS deferred, count(*)::int,
       sum(ti.pool_slots)::int, d.max_active_tasks, ti.yields
FROM task_instance ti
JOIN dag d ON d.tenant_id = ti.tenant_id AND d.dag_id = ti.dag_id
WHERE ti.tenant_id = (SELECT app.tenant()) AND ti.state IN ('queued', 'running', 'restarting', 'deferred')
GROUP BY ti.pool, ti.dag_id, ti.dag_run_id, ti.task_id, ti.state = 'deferred', d.max_active_tasks, ti.yields
