-- Purpose: scheduled task instances in admission order, with what limits them. Those of paused DAGs stay
-- scheduled (as in Airflow), and those of pools, runs and tasks (of one run, or of all) that are named full are passed over.
-- Locks: none. Index: task_instance_ready. Bound: `batch`.
SELECT ti.id, ti.dag_id, ti.dag_run_id, ti.task_id, ti.map_index, ti.priority_weight, r.logical_date, ti.pool,
       ti.pool_slots, d.max_active_tasks, t.max_active_tis_per_dag, t.max_active_tis_per_dagrun, ti.held_reason
FROM task_instance ti
JOIN dag_run r ON r.id = ti.dag_run_id AND r.tenant_id = ti.tenant_id AND r.state = 'running'
JOIN dag d ON d.tenant_id = ti.tenant_id AND d.dag_id = ti.dag_id AND NOT d.is_paused
JOIN dag_task t ON t.tenant_id = ti.tenant_id AND t.dag_version_id = ti.dag_version_id
               AND t.task_index = ti.task_index
WHERE ti.tenant_id = (SELECT app.tenant()) AND ti.state = 'scheduled'
  AND ti.pool <> ALL (%(pools)s::text[]) AND ti.dag_run_id <> ALL (%(runs)s::uuid[])
  AND NOT EXISTS (
    SELECT FROM unnest(%(task_dags)s::text[], %(task_ids)s::text[], %(task_runs)s::uuid[]) AS f(dag_id, task_id, run)
    WHERE f.dag_id = ti.dag_id AND f.task_id = ti.task_id AND (f.run IS NULL OR f.run = ti.dag_run_id))
ORDER BY ti.priority_weight DESC, ti.id
LIMIT %(batch)s::int
