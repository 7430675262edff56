-- Purpose: what the tenant's queued, running and parked task instances hold, per pool, run and task, with the bound
-- on the run. Deferred ones and those that wait for a person count for the limits of their task; deferred ones for
-- pools that ask for it (`parked` is their state, NULL of those that hold a worker). Last: how many did not begin.
-- Locks: none. Index: task_instance_active. Bound: the tenant's active task instances.
SELECT ti.pool, ti.dag_id, ti.dag_run_id, ti.task_id,
       CASE WHEN ti.state IN ('deferred', 'awaiting_input') THEN ti.state END AS parked, count(*)::int,
       sum(ti.pool_slots)::int, d.max_active_tasks, ti.yields, count(*) FILTER (WHERE ti.state = 'queued')::int
FROM task_instance ti
JOIN dag d ON d.tenant_id = ti.tenant_id AND d.dag_id = ti.dag_id
WHERE ti.tenant_id = (SELECT app.tenant()) AND ti.state IN ('queued', 'running', 'restarting', 'deferred',
                                                             'awaiting_input')
GROUP BY ti.pool, ti.dag_id, ti.dag_run_id, ti.task_id, parked, d.max_active_tasks, ti.yields
