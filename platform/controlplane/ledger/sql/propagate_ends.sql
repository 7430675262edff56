-- Purpose: task instances ended; count them into their downstream and their runs, and decide what wakes.
-- Locks: task_instance rows of the downstream; their dag_run rows are locked already (take_items.sql). One
-- scheduler works per tenant (its lease). An id that is not over (any more) counts nothing.
-- Index: primary key; task_instance_place (tenant_id, dag_run_id, task_index).
-- Bound: the number of ids times their fan-out; fan-in is aggregated first, so 10,000 -> 1 is one row update.
-- Rows out: (kind, id, state): 'task' rows that were decided (state NULL: expand it; 'past': ask the run before,
-- ask_past.sql), 'run' rows that are over, 'awaited' runs whose ends tasks of later runs wait for, 'read' once when
-- tasks read some of the ended instances instead of counting them (weigh_tasks.sql), 'lacking' runs that may wait for
-- tasks that they do not have (end_deadlocked.sql).
WITH ended AS MATERIALIZED (
  SELECT ti.id, ti.dag_run_id, ti.dag_version_id, ti.state, t.counts_into, t.is_leaf, t.is_setup,
         t.weighed_by IS NOT NULL AS is_read
  FROM unnest(%(ids)s::uuid[]) AS i(id)
  JOIN task_instance ti ON ti.id = i.id AND ti.tenant_id = (SELECT app.tenant())
  JOIN dag_task t ON t.tenant_id = ti.tenant_id AND t.dag_version_id = ti.dag_version_id
                 AND t.task_index = ti.task_index
  WHERE ti.state IN ('success', 'failed', 'skipped', 'upstream_failed', 'removed')
), delta AS MATERIALIZED (
  SELECT dag_run_id, dag_version_id, d.task_index,
         count(*) FILTER (WHERE state = 'success')::int AS ok,
         count(*) FILTER (WHERE state = 'failed')::int AS failed,
         count(*) FILTER (WHERE state = 'upstream_failed')::int AS up_failed,
         count(*) FILTER (WHERE state = 'skipped')::int AS skipped,
         count(*) FILTER (WHERE state = 'removed')::int AS removed,
         count(*) FILTER (WHERE state = 'success' AND is_setup)::int AS setups_ok,
         count(*) FILTER (WHERE state = 'skipped' AND is_setup)::int AS setups_skipped
  FROM ended, unnest(ended.counts_into) AS d(task_index)
  GROUP BY dag_run_id, dag_version_id, d.task_index
), waiting AS MATERIALIZED (
  SELECT w.id, delta.ok, delta.failed, delta.up_failed, delta.skipped, delta.removed,
         delta.setups_ok, delta.setups_skipped, w.is_mapped AND w.map_index = -1 AS unexpanded, t.is_empty,
         app.asks(t.past_rule, app.decide(w.trigger_rule, w.upstream_total, w.upstream_success + delta.ok,
           w.upstream_failed + delta.failed, w.upstream_upstream_failed + delta.up_failed,
           w.upstream_skipped + delta.skipped, w.upstream_removed + delta.removed,
           w.upstream_setup_total, w.upstream_setup_success + delta.setups_ok,
           w.upstream_setup_skipped + delta.setups_skipped, w.map_index)) AS decision
  FROM delta
  JOIN task_instance w ON w.tenant_id = (SELECT app.tenant()) AND w.dag_run_id = delta.dag_run_id
                      AND w.task_index = delta.task_index AND w.state IS NULL
  JOIN dag_task t ON t.tenant_id = w.tenant_id AND t.dag_version_id = delta.dag_version_id
                 AND t.task_index = delta.task_index
), woken AS (
  UPDATE task_instance ti
  SET upstream_success = ti.upstream_success + w.ok,
      upstream_failed = ti.upstream_failed + w.failed,
      upstream_upstream_failed = ti.upstream_upstream_failed + w.up_failed,
      upstream_skipped = ti.upstream_skipped + w.skipped,
      upstream_removed = ti.upstream_removed + w.removed,
      upstream_setup_success = ti.upstream_setup_success + w.setups_ok,
      upstream_setup_skipped = ti.upstream_setup_skipped + w.setups_skipped,
      state = CASE w.decision
        WHEN 1 THEN CASE WHEN w.unexpanded THEN NULL WHEN w.is_empty THEN 'success' ELSE 'scheduled' END
        WHEN 2 THEN 'skipped' WHEN 3 THEN 'upstream_failed' WHEN 4 THEN 'removed' END,
      held_reason = NULL, past_run_id = NULL,
      scheduled_at = CASE WHEN w.decision = 1 AND NOT w.unexpanded THEN %(now)s::timestamptz END,
      try_number = ti.try_number + CASE WHEN w.decision = 1 AND NOT w.unexpanded THEN 1 ELSE 0 END,
      start_date = CASE WHEN w.decision > 1 OR (w.decision = 1 AND w.is_empty AND NOT w.unexpanded)
                        THEN %(now)s::timestamptz END,
      end_date = CASE WHEN w.decision > 1 OR (w.decision = 1 AND w.is_empty AND NOT w.unexpanded)
                      THEN %(now)s::timestamptz END
  FROM waiting w
  WHERE ti.id = w.id AND ti.tenant_id = (SELECT app.tenant()) AND ti.state IS NULL
  RETURNING ti.id, ti.state, w.decision
), counted AS (
  UPDATE dag_run r
  SET unfinished = r.unfinished - c.ended, failed_leaves = r.failed_leaves + c.failed
  FROM (
    SELECT dag_run_id, count(*)::int AS ended,
           count(*) FILTER (WHERE is_leaf AND state IN ('failed', 'upstream_failed'))::int AS failed
    FROM ended GROUP BY dag_run_id
  ) c
  WHERE r.id = c.dag_run_id AND r.tenant_id = (SELECT app.tenant())
  RETURNING r.id, r.unfinished, r.awaited, r.lacks_tasks
)
SELECT 'task', id, CASE WHEN decision < 0 THEN 'past' ELSE state END FROM woken WHERE decision <> 0
UNION ALL
SELECT 'awaited', id, NULL FROM counted WHERE awaited
UNION ALL
SELECT 'lacking', id, NULL FROM counted WHERE lacks_tasks AND unfinished > 0
UNION ALL
SELECT 'run', id, NULL FROM counted WHERE unfinished <= 0
UNION ALL
SELECT 'read', NULL, NULL WHERE EXISTS (SELECT FROM ended WHERE is_read)
