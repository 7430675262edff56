-- Purpose: task instances begin anew: what they were is kept as a try, and nothing of that attempt counts any more
-- (epoch). One that runs is `restarting` until its process has ended; the agent is told to stop it.
-- How many are above each is counted anew: what expanded while it was over has told it nothing (expand_tasks.sql).
-- Before: exclude_rounds.sql, lock_chosen_runs.sql, lock_unclaimed.sql, lock_attempts.sql. After: recount_runs.sql. Locks: workloads of the instances that run. Index: primary key; task_instance_place; workload_uk;
-- work_item_tenant.
-- Bound: the ids given and the instances of their runs, one statement per table however many. Rows out: (id, state). One that restarts already is
-- left to it.
WITH target AS MATERIALIZED (
  SELECT ti.id, ti.state AS was, ti.epoch, ti.try_number, ti.ran_version_id, t.task_id IS NOT NULL AS known,
    t.max_tries, t.pool, t.pool_slots, t.queue, t.executor, t.priority_weight, t.operator, t.trigger_rule,
    t.task_id IS NOT NULL AND t.readings IS NULL AS counts, ti.dag_run_id, ti.task_index, r.bundle_version_id
  FROM unnest(%(ids)s::uuid[]) AS i(id)
  JOIN task_instance ti ON ti.id = i.id AND ti.tenant_id = (SELECT app.tenant())
  JOIN dag_run r ON r.id = ti.dag_run_id AND r.tenant_id = ti.tenant_id
  LEFT JOIN LATERAL (
    SELECT * FROM dag_task d
    WHERE d.tenant_id = ti.tenant_id AND d.dag_version_id = ti.dag_version_id
      AND d.task_index = ti.task_index OFFSET 0) t ON true
  WHERE ti.state IS DISTINCT FROM 'restarting'
), there AS MATERIALIZED (
  SELECT ti.dag_run_id, ti.dag_version_id, ti.task_index, count(*)::int AS n
  FROM (SELECT DISTINCT dag_run_id FROM target) one
  JOIN task_instance ti ON ti.tenant_id = (SELECT app.tenant()) AND ti.dag_run_id = one.dag_run_id
  WHERE ti.task_index >= 0
  GROUP BY ti.dag_run_id, ti.dag_version_id, ti.task_index
), totals AS MATERIALIZED (
  SELECT there.dag_run_id, b.task_index, sum(there.n)::int AS total,
    coalesce(sum(there.n) FILTER (WHERE t.is_setup), 0)::int AS setups
  FROM there
  CROSS JOIN LATERAL (
    SELECT counts_into, is_setup FROM dag_task d
    WHERE d.tenant_id = (SELECT app.tenant()) AND d.dag_version_id = there.dag_version_id
      AND d.task_index = there.task_index OFFSET 0) t
  CROSS JOIN LATERAL unnest(t.counts_into) AS b(task_index)
  GROUP BY there.dag_run_id, b.task_index
), tries AS (
  INSERT INTO task_try (id, tenant_id, task_instance_id, try_number, epoch, state, scheduled_at, queued_at,
    start_date, end_date, hostname, unixname, pid, dag_version_id, bundle_version_id, died)
  SELECT app.uuid7(), ti.tenant_id, ti.id, ti.try_number, ti.epoch,
    CASE WHEN target.was IN ('success', 'failed', 'skipped', 'upstream_failed', 'removed') THEN target.was
         ELSE 'failed' END,
    ti.scheduled_at, ti.queued_at, ti.start_date,
    CASE WHEN target.was IN ('success', 'failed', 'skipped', 'upstream_failed', 'removed') THEN ti.end_date
         ELSE coalesce(ti.end_date, %(now)s::timestamptz) END,
    ti.hostname, ti.unixname, ti.pid, coalesce(ti.ran_version_id, ti.dag_version_id),
    coalesce(ti.ran_bundle_id, target.bundle_version_id),
    CASE WHEN target.was IN ('running', 'deferred', 'up_for_reschedule', 'awaiting_input')
         THEN jsonb_build_object('reason', 'cleared', 'message', %(reason)s::text) ELSE ti.died END
  FROM target JOIN task_instance ti ON ti.id = target.id AND ti.tenant_id = (SELECT app.tenant())
  WHERE (ti.try_number > 0 OR target.was IN ('success', 'failed', 'skipped', 'upstream_failed', 'removed'))
    AND NOT EXISTS (SELECT FROM task_try old WHERE old.tenant_id = ti.tenant_id AND old.task_instance_id = ti.id
                                               AND old.try_number = ti.try_number)
  ON CONFLICT DO NOTHING
), cleared AS (
  UPDATE task_instance ti
  SET state = CASE WHEN target.was = 'running' THEN 'restarting' END, epoch = ti.epoch + 1,
      max_tries = CASE WHEN target.was = 'running' THEN ti.max_tries
                       WHEN target.known THEN ti.try_number + target.max_tries
                       ELSE greatest(ti.max_tries, ti.try_number) END,
      pool = coalesce(target.pool, ti.pool), pool_slots = coalesce(target.pool_slots, ti.pool_slots),
      queue = coalesce(target.queue, ti.queue),
      executor = CASE WHEN target.known THEN target.executor ELSE ti.executor END,
      priority_weight = coalesce(target.priority_weight, ti.priority_weight),
      operator = coalesce(target.operator, ti.operator),
      trigger_rule = coalesce(target.trigger_rule, ti.trigger_rule),
      upstream_total = CASE WHEN target.counts THEN coalesce(totals.total, 0) ELSE ti.upstream_total END,
      upstream_setup_total = CASE WHEN target.counts THEN coalesce(totals.setups, 0) ELSE ti.upstream_setup_total END,
      upstream_success = 0, upstream_failed = 0, upstream_upstream_failed = 0, upstream_skipped = 0,
      upstream_removed = 0, upstream_setup_success = 0, upstream_setup_skipped = 0,
      held_reason = NULL, past_run_id = NULL, due_at = NULL, next_method = NULL, next_kwargs = NULL,
      reschedules = 0, first_rescheduled_at = NULL, died = NULL, ran_version_id = NULL, ran_bundle_id = NULL
  FROM target
  LEFT JOIN totals ON totals.dag_run_id = target.dag_run_id AND totals.task_index = target.task_index
  WHERE ti.id = target.id AND ti.epoch = target.epoch AND ti.tenant_id = (SELECT app.tenant())
    AND ti.state IS NOT DISTINCT FROM target.was
  RETURNING ti.id, ti.state
), dropped AS (
  DELETE FROM workload w
  WHERE w.tenant_id = (SELECT app.tenant()) AND w.ref = ANY(%(ids)s::uuid[])
    AND (w.kind = 'task' AND w.agent_id IS NULL OR w.kind = 'trigger')
), stopped AS (
  UPDATE workload w SET stop = %(reason)s::text
  WHERE w.tenant_id = (SELECT app.tenant()) AND w.ref = ANY(%(ids)s::uuid[]) AND w.kind = 'task'
    AND w.agent_id IS NOT NULL
), untriggered AS (
  DELETE FROM trigger t WHERE t.tenant_id = (SELECT app.tenant()) AND t.id = ANY(%(ids)s::uuid[])
), forgotten AS (
  DELETE FROM work_item i
  WHERE i.tenant_id = (SELECT app.tenant())
    AND (i.ref IN (SELECT one.id FROM unnest(%(ids)s::uuid[]) AS one(id))) IS TRUE -- hashed, not joined
)
SELECT id, state FROM cleared
