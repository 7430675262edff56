-- Purpose: runs that are longer than their DAG's `dagrun_timeout` fail, as Airflow's do: what they have not ended is
-- skipped, whatever it is doing. A run that began later than was thought when the item was made is looked at again.
-- Locks: the runs in id order; unclaimed workloads of theirs, waiting for whoever claims one (he holds no run);
-- then the instances in id order. An agent that runs one is told by its next beat: its workload is gone.
-- Index: task_instance_place. Bound: the runs given times their tasks. Rows out: (id) of instances that ended.
WITH seen AS MATERIALIZED (
  SELECT r.id, r.start_date + make_interval(secs => v.dagrun_timeout_seconds) AS due_at
  FROM dag_run r JOIN dag_version v ON v.tenant_id = r.tenant_id AND v.id = r.dag_version_id
  WHERE r.tenant_id = (SELECT app.tenant()) AND r.id = ANY(%(runs)s::uuid[]) AND r.state = 'running'
    AND v.dagrun_timeout_seconds IS NOT NULL
  ORDER BY r.id FOR NO KEY UPDATE OF r
), later AS (
  INSERT INTO work_item (tenant_id, kind, ref, due_at)
  SELECT (SELECT app.tenant()), 'timeout', id, due_at FROM seen WHERE due_at > %(now)s::timestamptz
), over AS (
  UPDATE dag_run r SET fails_by = 'timed_out'
  FROM seen WHERE r.id = seen.id AND r.tenant_id = (SELECT app.tenant()) AND seen.due_at <= %(now)s::timestamptz
  RETURNING r.id
), free AS MATERIALIZED (
  SELECT w.id FROM over JOIN task_instance ti ON ti.tenant_id = (SELECT app.tenant()) AND ti.dag_run_id = over.id
  JOIN workload w ON w.tenant_id = ti.tenant_id AND w.kind = 'task' AND w.ref = ti.id AND w.epoch = ti.epoch
  WHERE ti.state = 'queued' AND w.agent_id IS NULL
  ORDER BY w.id FOR UPDATE OF w
), target AS MATERIALIZED (
  SELECT ti.id FROM over
  JOIN task_instance ti ON ti.tenant_id = (SELECT app.tenant()) AND ti.dag_run_id = over.id
  WHERE (ti.state IS NULL OR ti.state NOT IN ('success', 'failed', 'skipped', 'upstream_failed', 'removed'))
    AND (SELECT count(*) FROM free) >= 0
  ORDER BY ti.id FOR NO KEY UPDATE OF ti
), ended AS (
  UPDATE task_instance ti
  SET state = 'skipped', end_date = %(now)s::timestamptz, start_date = coalesce(ti.start_date, %(now)s::timestamptz),
      held_reason = NULL, past_run_id = NULL, due_at = NULL, next_method = NULL, next_kwargs = NULL
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
