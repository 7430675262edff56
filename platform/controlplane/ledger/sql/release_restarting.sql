-- Purpose: cleared instances whose process has ended wait like any other, with all tries before them.
-- Locks: the instances; their runs are locked before (lock_chosen_runs.sql). Index: task_instance_place.
-- Bound: the instances of the runs given. Rows out: (run).
UPDATE task_instance ti
SET state = NULL, max_tries = coalesce(ti.try_number + t.max_tries, greatest(ti.max_tries, ti.try_number)),
    agent_id = NULL
FROM task_instance me
LEFT JOIN LATERAL (
  SELECT max_tries FROM dag_task d
  WHERE d.tenant_id = me.tenant_id AND d.dag_version_id = me.dag_version_id
    AND d.task_index = me.task_index OFFSET 0) t ON true
WHERE me.tenant_id = (SELECT app.tenant()) AND me.dag_run_id = ANY(%(runs)s::uuid[]) AND me.state = 'restarting'
  AND NOT EXISTS (SELECT FROM workload w WHERE w.tenant_id = me.tenant_id AND w.kind = 'task' AND w.ref = me.id)
  AND ti.id = me.id AND ti.tenant_id = me.tenant_id AND ti.epoch = me.epoch AND ti.state = 'restarting'
RETURNING ti.dag_run_id
