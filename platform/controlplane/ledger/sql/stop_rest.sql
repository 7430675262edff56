-- Purpose: tasks failed in DAGs with `fail_fast`: the rest of their runs stops, as in Airflow. What runs fails, what
-- waits is skipped; teardowns and other instances of the same task go on.
-- Locks: unclaimed workloads of the runs, waiting for whoever claims one, then the instances in id order; the runs
-- before (lock_runs.sql). An agent that runs one is told by its next beat: its workload is gone.
-- Index: task_instance_place. Bound: the tasks of the runs. Rows out: (id) of instances that ended.
WITH failed AS MATERIALIZED (
  SELECT DISTINCT ON (ti.dag_run_id) ti.dag_run_id, ti.task_id
  FROM unnest(%(ids)s::uuid[]) AS i(id)
  JOIN task_instance ti ON ti.id = i.id AND ti.tenant_id = (SELECT app.tenant()) AND ti.state = 'failed'
  ORDER BY ti.dag_run_id, ti.end_date, ti.id
), free AS MATERIALIZED (
  SELECT w.id FROM failed f
  JOIN task_instance ti ON ti.tenant_id = (SELECT app.tenant()) AND ti.dag_run_id = f.dag_run_id
  JOIN workload w ON w.tenant_id = ti.tenant_id AND w.kind = 'task' AND w.ref = ti.id AND w.epoch = ti.epoch
  WHERE ti.state = 'queued' AND w.agent_id IS NULL
  ORDER BY w.id FOR UPDATE OF w
), target AS MATERIALIZED (
  SELECT ti.id FROM failed f
  JOIN task_instance ti ON ti.tenant_id = (SELECT app.tenant()) AND ti.dag_run_id = f.dag_run_id
                       AND ti.task_id <> f.task_id
  JOIN dag_task t ON t.tenant_id = ti.tenant_id AND t.dag_version_id = ti.dag_version_id
                 AND t.task_index = ti.task_index AND NOT t.is_teardown
  WHERE (ti.state IS NULL OR ti.state NOT IN ('success', 'failed', 'skipped', 'upstream_failed', 'removed'))
    AND (SELECT count(*) FROM free) >= 0
  ORDER BY ti.id FOR NO KEY UPDATE OF ti
), ended AS (
  UPDATE task_instance ti
  SET state = CASE WHEN ti.state IN ('running', 'restarting') THEN 'failed' ELSE 'skipped' END,
      end_date = %(now)s::timestamptz, start_date = coalesce(ti.start_date, %(now)s::timestamptz),
      held_reason = NULL, past_run_id = NULL, due_at = NULL, next_method = NULL, next_kwargs = NULL,
      note = coalesce(ti.note, 'Stopped: another task failed, and the DAG has fail_fast.')
  FROM target WHERE ti.id = target.id AND ti.tenant_id = (SELECT app.tenant())
    AND (ti.state IS NULL OR ti.state NOT IN ('success', 'failed', 'skipped', 'upstream_failed', 'removed'))
  RETURNING ti.id, ti.epoch
), gone AS (
  DELETE FROM workload w USING ended e
  WHERE w.tenant_id = (SELECT app.tenant()) AND w.ref = e.id AND w.epoch = e.epoch AND w.kind IN ('task', 'trigger')
  RETURNING w.ref, w.epoch, w.kind, w.claimed_at
), metered AS (
  INSERT INTO attempt_usage (id, tenant_id, kind, task_instance_id, epoch, dag_id, run_id, task_id, map_index,
    try_number, started_at, ended_at, task_us)
  SELECT app.uuid7(), (SELECT app.tenant()), 'held', ti.id, g.epoch, ti.dag_id, ti.run_id, ti.task_id, ti.map_index,
    ti.try_number, g.claimed_at, greatest(statement_timestamp(), g.claimed_at), greatest((extract(epoch FROM statement_timestamp() - g.claimed_at) * 1000000)::bigint, 0)
  FROM gone g JOIN task_instance ti ON ti.id = g.ref AND ti.tenant_id = (SELECT app.tenant())
  WHERE g.kind = 'task' AND g.claimed_at IS NOT NULL
), untriggered AS (
  DELETE FROM trigger t USING ended e WHERE t.tenant_id = (SELECT app.tenant()) AND t.id = e.id
)
SELECT id FROM ended
