-- Purpose: scheduled task instances in admission order, with what limits them.
-- Locks: none. Index: task_instance_ready. Bound: `batch`.
SELECT ti.id, ti.dag_id, ti.dag_run_id, ti.task_id, ti.map_index, ti.priority_weight, r.logical_date, ti.pool,
       ti.pool_slots, d.max_active_tasks, t.max_active_tis_per_dag, t.max_active_tis_per_dagrun, ti.held_reason
FROM task_instance ti
JOIN dag_run r ON r.id = ti.dag_run_id AND r.tenant_id = ti.tenant_id AND r.state = 'running'
JOIN dag d ON d.tenant_id = ti.tenant_id AND d.dag_id = ti.dag_id
JOIN dag_task t ON t.tenant_id = ti.tenant_id AND t.dag_version_id = ti.dag_version_id
               AND t.task_index = ti.task_index
WHERE ti.tenant_id = (SELECT app.tenant()) AND ti.state = 'scheduled'
ORDER BY ti.priority_weight DESC, ti.id
LIMIT %(batch)s::int
