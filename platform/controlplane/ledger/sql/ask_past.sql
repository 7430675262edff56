-- Purpose: task instances whose upstreams let them run ask the run before (domain.past). Those it lets go are
-- scheduled, end when empty, or are to be expanded; the others wait and say what for.
-- Locks: the instances in id order, after their runs (lock_runs.sql); then the runs that are awaited from now on.
-- Index: dag_run_logical_date_uk; task_instance_uk. Bound: the ids given, times what is directly below them.
-- Rows out: (id, state) as propagate_ends.sql tells them; those that wait are not among them.
WITH asking AS MATERIALIZED (
  SELECT ti.id, ti.dag_id, ti.task_id, ti.dag_version_id, ti.is_mapped AND ti.map_index = -1 AS unexpanded,
         t.is_empty, t.past_rule, t.start_date, t.downstream, r.logical_date,
         t.past_rule = 0 OR r.backfill_id IS NOT NULL AND r.backfill_ordinal = 1 AS free
  FROM unnest(%(ids)s::uuid[]) AS i(id)
  JOIN task_instance ti ON ti.id = i.id AND ti.tenant_id = (SELECT app.tenant()) AND ti.state IS NULL
  JOIN dag_run r ON r.tenant_id = ti.tenant_id AND r.id = ti.dag_run_id
  JOIN dag_task t ON t.tenant_id = ti.tenant_id AND t.dag_version_id = ti.dag_version_id
                 AND t.task_index = ti.task_index
  ORDER BY ti.id FOR NO KEY UPDATE OF ti
), before AS MATERIALIZED (
  SELECT a.*, p.id AS past_run, p.run_id AS past_name, own.instances, own.bad, below.task_id AS bad_below
  FROM asking a
  LEFT JOIN LATERAL (
    SELECT id, run_id FROM (
      SELECT id, run_id, logical_date FROM dag_run
      WHERE tenant_id = (SELECT app.tenant()) AND dag_id = a.dag_id AND logical_date < a.logical_date
        AND (a.past_rule & 8 = 0 OR run_type <> 'manual')
      ORDER BY logical_date DESC LIMIT 1) last
    WHERE NOT a.free AND (a.past_rule & 8 = 0 OR a.start_date IS NULL OR last.logical_date >= a.start_date)
    OFFSET 0
  ) p ON true
  CROSS JOIN LATERAL (
    SELECT count(*) AS instances, min(coalesce(state, 'none')) FILTER (
      WHERE state IS NULL OR state NOT IN ('success', 'skipped')) AS bad
    FROM task_instance
    WHERE tenant_id = (SELECT app.tenant()) AND dag_run_id = p.id AND task_id = a.task_id OFFSET 0
  ) own
  LEFT JOIN LATERAL (
    SELECT d.task_id FROM dag_task t
    JOIN task_instance d ON d.tenant_id = t.tenant_id AND d.dag_run_id = p.id AND d.task_id = t.task_id
    WHERE a.past_rule & 2 > 0 AND own.bad IS NULL AND t.tenant_id = (SELECT app.tenant())
      AND t.dag_version_id = a.dag_version_id AND t.task_index = ANY(a.downstream)
      AND (d.state IS NULL OR d.state NOT IN ('success', 'skipped'))
    ORDER BY t.task_index LIMIT 1
  ) below ON true
), judged AS MATERIALIZED (
  SELECT b.*, left(CASE
    WHEN past_run IS NULL THEN NULL
    WHEN instances = 0 AND NOT (past_rule & 4 > 0 AND NOT EXISTS (
      SELECT FROM task_instance o JOIN dag_run r ON r.tenant_id = o.tenant_id AND r.id = o.dag_run_id
      WHERE o.tenant_id = (SELECT app.tenant()) AND o.dag_id = b.dag_id AND o.task_id = b.task_id
        AND r.logical_date < b.logical_date))
      THEN 'past_missing: depends_on_past: run ''' || past_name || ''' before this one has no task ''' || task_id
           || ''' that could have succeeded'
    WHEN bad IN ('failed', 'upstream_failed', 'removed')
      THEN 'past_failed: depends_on_past: task ''' || task_id || ''' of run ''' || past_name || ''' is ' || bad
           || ' and must succeed or be skipped'
    WHEN bad IS NOT NULL
      THEN 'past_unfinished: depends_on_past: it waits for task ''' || task_id || ''' of run ''' || past_name || ''''
    WHEN bad_below IS NOT NULL AND instances > 0
      THEN 'past_downstream: wait_for_downstream: it waits for task ''' || bad_below || ''' of run ''' || past_name
           || ''''
    END, 500) AS reason
  FROM before b
), moved AS (
  UPDATE task_instance ti
  SET state = CASE WHEN j.reason IS NOT NULL OR j.unexpanded THEN NULL WHEN j.is_empty THEN 'success' ELSE 'scheduled' END,
      held_reason = j.reason, past_run_id = CASE WHEN j.reason IS NOT NULL THEN j.past_run END,
      scheduled_at = CASE WHEN j.reason IS NULL AND NOT j.unexpanded THEN %(now)s::timestamptz END,
      try_number = ti.try_number + CASE WHEN j.reason IS NULL AND NOT j.unexpanded THEN 1 ELSE 0 END,
      start_date = CASE WHEN j.reason IS NULL AND j.is_empty AND NOT j.unexpanded THEN %(now)s::timestamptz END,
      end_date = CASE WHEN j.reason IS NULL AND j.is_empty AND NOT j.unexpanded THEN %(now)s::timestamptz END
  FROM judged j
  WHERE ti.id = j.id AND ti.tenant_id = (SELECT app.tenant()) AND ti.state IS NULL
    AND (j.reason IS NULL OR ti.held_reason IS DISTINCT FROM j.reason OR ti.past_run_id IS DISTINCT FROM j.past_run)
  RETURNING ti.id, ti.state, j.reason
), awaited AS (
  UPDATE dag_run r SET awaited = true
  WHERE r.tenant_id = (SELECT app.tenant()) AND NOT r.awaited
    AND r.id IN (SELECT past_run FROM judged WHERE reason IS NOT NULL)
)
SELECT id, state FROM moved WHERE reason IS NULL
