-- Purpose: triggers end their tasks themselves, without a worker (Airflow's TaskSuccessEvent and its like): success,
-- failed, skipped, or up_for_retry while tries are left. No process could run the author's callbacks: they are owed.
-- Locks: the instances in id order, then their triggers and workloads. Index: primary keys, workload_uk.
-- No process runs the author's callbacks of a failure or retry: they are owed, as in finish_tasks.sql.
-- Bound: the arrays. A task that does not wait under this epoch stays as it is. Rows out: (id, epoch) that moved.
WITH said AS (
  SELECT DISTINCT ON (id) * FROM unnest(
    %(ids)s::uuid[], %(epochs)s::int[], %(states)s::text[], %(due)s::timestamptz[])
    WITH ORDINALITY AS s(id, epoch, state, due_at, n)
  ORDER BY id, n
), locked AS MATERIALIZED (
  SELECT ti.id FROM said JOIN task_instance ti ON ti.id = said.id AND ti.epoch = said.epoch
  WHERE ti.tenant_id = (SELECT app.tenant()) AND ti.state = 'deferred'
  ORDER BY ti.id FOR NO KEY UPDATE OF ti
), moved AS (
  UPDATE task_instance ti
  SET state = said.state, end_date = %(now)s::timestamptz, due_at = said.due_at, held_reason = NULL,
      next_method = NULL, next_kwargs = NULL,
      reschedules = CASE said.state WHEN 'up_for_retry' THEN 0 ELSE ti.reschedules END,
      first_rescheduled_at = CASE said.state WHEN 'up_for_retry' THEN NULL ELSE ti.first_rescheduled_at END
  FROM said JOIN locked USING (id)
  WHERE ti.id = said.id AND ti.epoch = said.epoch AND ti.tenant_id = (SELECT app.tenant())
    AND ti.state = 'deferred'
  RETURNING ti.*
), gone AS (
  DELETE FROM trigger t USING said
  WHERE t.tenant_id = (SELECT app.tenant()) AND t.id = said.id AND t.epoch = said.epoch
    AND t.task_instance_id IS NOT NULL
), unloaded AS (
  DELETE FROM workload w USING said
  WHERE w.tenant_id = (SELECT app.tenant()) AND w.ref = said.id AND w.epoch = said.epoch AND w.kind = 'trigger'
), tries AS (
  INSERT INTO task_try (id, tenant_id, task_instance_id, try_number, epoch, state, scheduled_at, queued_at,
    start_date, end_date, hostname, unixname, pid, dag_version_id, bundle_version_id, died)
  SELECT app.uuid7(), m.tenant_id, m.id, m.try_number, m.epoch, m.state, m.scheduled_at, m.queued_at,
    m.start_date, m.end_date, m.hostname, m.unixname, m.pid, coalesce(m.ran_version_id, m.dag_version_id),
    coalesce(m.ran_bundle_id, (SELECT r.bundle_version_id FROM dag_run r
                               WHERE r.tenant_id = m.tenant_id AND r.id = m.dag_run_id)), m.died
  FROM moved m WHERE m.state = 'up_for_retry'
  ON CONFLICT DO NOTHING
), owed AS (
  INSERT INTO callback (id, tenant_id, kind, ref, epoch, dag_run_id, task_instance_id, dag_version_id, dag_id,
    run_id, task_id, map_index, try_number, started_at, ended_at, hostname, reason, created_at)
  SELECT app.uuid7(), (SELECT app.tenant()), CASE m.state WHEN 'failed' THEN 'task_failure' ELSE 'task_retry' END,
    m.id, m.epoch, m.dag_run_id, m.id, m.dag_version_id, m.dag_id, m.run_id, m.task_id, m.map_index, m.try_number,
    m.start_date, m.end_date, m.hostname, 'its trigger ended it', %(now)s::timestamptz
  FROM moved m
  CROSS JOIN LATERAL (
    SELECT t.tells_failure, t.tells_retry FROM dag_task t
    WHERE t.tenant_id = (SELECT app.tenant()) AND t.dag_version_id = m.dag_version_id
      AND t.task_index = m.task_index OFFSET 0
  ) t
  WHERE m.state IN ('failed', 'up_for_retry')
    AND CASE m.state WHEN 'failed' THEN t.tells_failure ELSE t.tells_retry END
  ON CONFLICT (tenant_id, ref, kind, epoch) DO NOTHING
  RETURNING id
), told AS (
  INSERT INTO workload (id, tenant_id, kind, ref, epoch, dispatched_at)
  SELECT app.uuid7(), (SELECT app.tenant()), 'callback', id, 1, %(now)s::timestamptz FROM owed
  RETURNING pg_notify('orders', '')
), items AS (
  INSERT INTO work_item (tenant_id, kind, ref, due_at)
  SELECT (SELECT app.tenant()), CASE m.state WHEN 'up_for_retry' THEN 'due' ELSE 'finished' END, m.id,
         coalesce(m.due_at, least(%(now)s::timestamptz, clock_timestamp()))
  FROM moved m
  UNION ALL
  SELECT (SELECT app.tenant()), 'admit', NULL, least(%(now)s::timestamptz, clock_timestamp())
  WHERE EXISTS (SELECT FROM moved)
)
SELECT id, epoch FROM moved
