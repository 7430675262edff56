-- Purpose: running attempts say how they ended (or that they pause). The one door out of `running`.
-- Locks: the instances in id order. Index: primary key. Bound: the arrays.
-- A late or foreign epoch moves nothing. What is to be done at once is due at once, even when the clock of who
-- says so (`now`) is ahead of the database's. How long each held its worker is kept (`attempt_usage`), by the
-- database's clock alone, and counted within a minute. A process that died could not run its author's callbacks: they are
-- owed (`callback`), once per attempt, and agents are told. Rows out: (id, epoch) of those that moved.
WITH said AS (
  SELECT * FROM unnest(
    %(ids)s::uuid[], %(epochs)s::int[], %(states)s::text[], %(ended)s::timestamptz[], %(due)s::timestamptz[],
    %(labels)s::text[], %(died)s::jsonb[], %(methods)s::text[], %(kwargs)s::jsonb[],
    %(reasons)s::text[])
    AS s(id, epoch, state, ended_at, due_at, label, died, method, kwargs, retry_reason)
), locked AS MATERIALIZED (
  SELECT ti.id, ti.epoch FROM said JOIN task_instance ti ON ti.id = said.id AND ti.epoch = said.epoch
  WHERE ti.tenant_id = (SELECT app.tenant()) AND ti.state IN ('running', 'restarting')
  ORDER BY ti.id FOR NO KEY UPDATE OF ti
), moved AS (
  UPDATE task_instance ti
  SET state = said.state, due_at = said.due_at, died = said.died,
      end_date = CASE WHEN said.state IN ('deferred', 'awaiting_input') THEN NULL ELSE said.ended_at END,
      rendered_map_index = coalesce(said.label, ti.rendered_map_index),
      next_method = said.method, next_kwargs = said.kwargs,
      reschedules = CASE said.state WHEN 'up_for_reschedule' THEN ti.reschedules + 1 WHEN 'up_for_retry' THEN 0
                    ELSE ti.reschedules END,
      first_rescheduled_at = CASE said.state
        WHEN 'up_for_reschedule' THEN coalesce(ti.first_rescheduled_at, ti.start_date)
        WHEN 'up_for_retry' THEN NULL ELSE ti.first_rescheduled_at END,
      held_reason = CASE said.state
        WHEN 'up_for_retry' THEN said.retry_reason
        WHEN 'deferred' THEN 'deferred: it waits for its trigger'
        WHEN 'awaiting_input' THEN 'awaiting_input: it waits for an answer of a person' END
  FROM said JOIN locked USING (id, epoch)
  WHERE ti.id = said.id AND ti.epoch = said.epoch AND ti.tenant_id = (SELECT app.tenant())
    AND ti.state IN ('running', 'restarting')
  RETURNING ti.*
), gone AS (
  DELETE FROM workload w USING moved m
  WHERE w.tenant_id = (SELECT app.tenant()) AND w.ref = m.id AND w.epoch = m.epoch AND w.kind = 'task'
  RETURNING w.ref, w.claimed_at
), metered AS (
  INSERT INTO attempt_usage (id, tenant_id, kind, task_instance_id, epoch, dag_id, run_id, task_id, map_index,
    try_number, started_at, ended_at, task_us)
  SELECT app.uuid7(), (SELECT app.tenant()), 'held', m.id, m.epoch, m.dag_id, m.run_id, m.task_id, m.map_index,
    m.try_number, s.at, greatest(statement_timestamp(), s.at), greatest((extract(epoch FROM statement_timestamp() - s.at) * 1000000)::bigint, 0)
  FROM moved m LEFT JOIN gone g ON g.ref = m.id -- an executor of its own holds no workload while it runs
  CROSS JOIN LATERAL (SELECT coalesce(g.claimed_at, greatest(m.start_date, m.queued_at)) AS at) s
  WHERE s.at IS NOT NULL
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
    m.start_date, m.end_date, m.hostname, left(coalesce(m.died ->> 'message', m.died ->> 'reason', ''), 500),
    %(now)s::timestamptz
  FROM moved m
  CROSS JOIN LATERAL (
    SELECT t.tells_failure, t.tells_retry FROM dag_task t
    WHERE t.tenant_id = (SELECT app.tenant()) AND t.dag_version_id = m.dag_version_id
      AND t.task_index = m.task_index OFFSET 0
  ) t
  WHERE m.died IS NOT NULL AND m.state IN ('failed', 'up_for_retry')
    AND CASE m.state WHEN 'failed' THEN t.tells_failure ELSE t.tells_retry END
  ON CONFLICT (tenant_id, ref, kind, epoch) DO NOTHING
  RETURNING id
), told AS (
  INSERT INTO workload (id, tenant_id, kind, ref, epoch, dispatched_at)
  SELECT app.uuid7(), (SELECT app.tenant()), 'callback', id, 1, %(now)s::timestamptz FROM owed
  RETURNING pg_notify('orders', '')
), signalled AS (
  -- Only where an enabled rule wants it: for a failure one look into an index, for an end without one nothing.
  INSERT INTO alert_signal (id, tenant_id, kind, ref, dag_id, detail, at)
  SELECT app.uuid7(), (SELECT app.tenant()), CASE m.state WHEN 'failed' THEN 'task_failed' ELSE 'task_retried' END,
    m.id, m.dag_id, jsonb_build_object('died', m.died, 'try_number', m.try_number), %(now)s::timestamptz
  FROM moved m
  WHERE CASE WHEN m.state IN ('failed', 'up_for_retry') THEN
    (SELECT EXISTS (SELECT FROM alert_rule a WHERE a.tenant_id = (SELECT app.tenant()) AND a.is_enabled
                    AND a.kind = 'task_failed')) END
  RETURNING id
), items AS (
  INSERT INTO work_item (tenant_id, kind, ref, due_at)
  SELECT (SELECT app.tenant()), CASE WHEN m.state IN ('up_for_retry', 'up_for_reschedule') THEN 'due' ELSE 'finished' END, m.id,
         coalesce(m.due_at, least(%(now)s::timestamptz, clock_timestamp()))
  FROM moved m WHERE m.state NOT IN ('deferred', 'awaiting_input')
  UNION ALL
  SELECT (SELECT app.tenant()), 'admit', NULL, least(%(now)s::timestamptz, clock_timestamp())
  WHERE EXISTS (SELECT 1 FROM moved m WHERE m.state NOT IN ('success', 'failed', 'skipped'))
  UNION ALL
  SELECT (SELECT app.tenant()), 'usage', NULL, clock_timestamp() + interval '60 seconds'
  WHERE NOT EXISTS (SELECT FROM work_item WHERE tenant_id = (SELECT app.tenant()) AND kind = 'usage')
  UNION ALL
  SELECT (SELECT app.tenant()), 'alert', NULL, least(%(now)s::timestamptz, clock_timestamp())
  WHERE EXISTS (SELECT FROM signalled)
  UNION ALL
  SELECT (SELECT app.tenant()), 'stop', m.id, least(%(now)s::timestamptz, clock_timestamp())
  FROM moved m
  WHERE m.state = 'failed' AND (SELECT v.fail_fast FROM dag_version v
                                WHERE v.tenant_id = (SELECT app.tenant()) AND v.id = m.dag_version_id)
)
SELECT id, epoch FROM moved
