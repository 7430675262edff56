-- Purpose: decide waiting instances of tasks that read the instances above them (dag_task.readings): those that
-- read one of `changed` (ended or just expanded), and those of `targets` (just expanded, or cleared). Nothing is
-- counted: what is above is looked at as it is, so that deciding twice does no harm. Rules: domain.weighing.
-- Locks: the instances decided; their runs are locked already (take_items.sql).
-- Index: task_instance_place for single map indexes and whole tasks, xcom_uk for branches.
-- Bound: the waiting readers of `changed` plus `targets`, times what they read; all of a task is read once per run.
-- Rows out: ('task', id, state) of those decided: state NULL: expand it; 'revise': it was expanded in an earlier
-- round, see whether its index is still there; 'past': ask the run before.
WITH touched AS MATERIALIZED (
  SELECT DISTINCT ti.dag_run_id, ti.dag_version_id, b.task_index,
         CASE WHEN b.same AND ti.map_index >= 0 THEN ti.map_index END AS at
  FROM unnest(%(changed)s::uuid[]) AS i(id)
  CROSS JOIN LATERAL (
    SELECT * FROM task_instance WHERE id = i.id AND tenant_id = (SELECT app.tenant()) OFFSET 0) ti
  CROSS JOIN LATERAL (
    SELECT weighed_by, weighed_same FROM dag_task
    WHERE tenant_id = (SELECT app.tenant()) AND dag_version_id = ti.dag_version_id
      AND task_index = ti.task_index AND weighed_by IS NOT NULL OFFSET 0) t
  CROSS JOIN LATERAL unnest(t.weighed_by, t.weighed_same) AS b(task_index, same)
), asked AS MATERIALIZED (
  SELECT id FROM unnest(%(targets)s::uuid[]) AS i(id)
  UNION
  SELECT w.id FROM touched x
  CROSS JOIN LATERAL (
    SELECT id FROM task_instance
    WHERE tenant_id = (SELECT app.tenant()) AND dag_run_id = x.dag_run_id AND task_index = x.task_index
      AND state IS NULL OFFSET 0) w
  WHERE x.at IS NULL
  UNION
  SELECT w.id FROM touched x
  CROSS JOIN LATERAL (
    SELECT id FROM task_instance
    WHERE tenant_id = (SELECT app.tenant()) AND dag_run_id = x.dag_run_id AND task_index = x.task_index
      AND map_index = x.at AND state IS NULL
    UNION ALL
    SELECT id FROM task_instance
    WHERE tenant_id = (SELECT app.tenant()) AND dag_run_id = x.dag_run_id AND task_index = x.task_index
      AND map_index = -1 AND state IS NULL
    OFFSET 0) w
  WHERE x.at IS NOT NULL
), me AS MATERIALIZED (
  SELECT w.id, w.dag_run_id, w.dag_version_id, w.task_index, w.task_id, w.map_index, w.map_lengths,
         w.trigger_rule, w.is_mapped AND w.map_index = -1 AS unexpanded,
         -- Before it is expanded a task looks at all of an expanded upstream in its group when one upstream can
         -- satisfy its rule, or when nobody knows yet how long it will be.
         w.map_index = -1 AND (w.trigger_rule IN (5, 6, 7, 11) OR EXISTS (
           SELECT FROM jsonb_to_recordset(t.readings) AS l(up int, role text)
           JOIN task_instance u ON u.tenant_id = w.tenant_id AND u.dag_run_id = w.dag_run_id AND u.task_index = l.up
           WHERE l.role = 'source' AND (u.state IS NULL OR u.state NOT IN (
             'success', 'failed', 'skipped', 'upstream_failed', 'removed')))) AS looks_far,
         t.upstream_count > 0 AS has_upstream, t.is_teardown, t.is_empty, t.past_rule,
         w.is_mapped AND w.map_index >= 0 AND t.known_lengths IS NULL AND r.clear_number > 0 AS revise, r.lacks_tasks
  FROM asked
  CROSS JOIN LATERAL (
    SELECT * FROM task_instance
    WHERE id = asked.id AND tenant_id = (SELECT app.tenant()) AND state IS NULL OFFSET 0) w
  CROSS JOIN LATERAL (
    SELECT * FROM dag_task
    WHERE tenant_id = w.tenant_id AND dag_version_id = w.dag_version_id AND task_index = w.task_index
      AND readings IS NOT NULL OFFSET 0) t
  CROSS JOIN LATERAL (
    SELECT clear_number, lacks_tasks FROM dag_run
    WHERE id = w.dag_run_id AND tenant_id = w.tenant_id AND state = 'running' OFFSET 0) r
), reader AS MATERIALIZED (
  SELECT dag_run_id, dag_version_id, task_index, bool_or(looks_far) AS looks_far, bool_or(lacks_tasks) AS lacks_tasks
  FROM me GROUP BY dag_run_id, dag_version_id, task_index
), reading AS MATERIALIZED (
  SELECT d.dag_run_id, d.task_index, d.looks_far, d.lacks_tasks, l.*
  FROM reader d
  JOIN dag_task t ON t.tenant_id = (SELECT app.tenant()) AND t.dag_version_id = d.dag_version_id
                 AND t.task_index = d.task_index
  CROSS JOIN LATERAL jsonb_to_recordset(t.readings) AS l(
    up int, task_id text, role text, near int, depth int, setup bool, expanded bool)
), whole AS MATERIALIZED ( -- all instances of an upstream, once per task of a run
  SELECT l.dag_run_id, l.task_index, l.role, l.near > 0 AS far, u.state, l.setup, count(*)::int AS n
  FROM reading l
  CROSS JOIN LATERAL (
    SELECT state, map_index FROM task_instance
    WHERE tenant_id = (SELECT app.tenant()) AND dag_run_id = l.dag_run_id AND task_index = l.up OFFSET 0) u
  WHERE l.role <> 'skip' AND (l.near = 0 OR l.looks_far) AND (l.role <> 'source' OR u.map_index = -1)
  GROUP BY l.dag_run_id, l.task_index, l.role, l.near > 0, u.state, l.setup
), shared AS MATERIALIZED (
  -- An upstream that this run does not have is waited for in vain, unless one is mapped: then Airflow counts rows.
  SELECT l.dag_run_id, l.task_index, l.role, NULL::text AS state, l.setup, 1 AS n, false AS far
  FROM reading l
  WHERE l.lacks_tasks AND l.role IN ('direct', 'setup', 'scope')
    AND NOT EXISTS (
      SELECT FROM task_instance u WHERE u.tenant_id = (SELECT app.tenant()) AND u.dag_run_id = l.dag_run_id
                                    AND u.task_index = l.up)
    AND NOT EXISTS (
      SELECT FROM reading o WHERE o.dag_run_id = l.dag_run_id AND o.task_index = l.task_index AND o.role = l.role
                              AND o.expanded)
  UNION ALL
  SELECT dag_run_id, task_index, role, state, setup, n, far FROM whole
), weighed AS MATERIALIZED (
  SELECT me.id, me.unexpanded, me.is_empty, me.revise,
         app.asks(me.past_rule, app.weigh(
           me.trigger_rule, me.has_upstream, me.is_teardown, me.map_index, c.total, c.ok, c.failed, c.up_failed,
           c.skipped, c.removed, c.setups, c.setups_ok, c.setups_skipped, c.above_total, c.above_ok, c.above_failed,
           c.above_skipped, c.above_removed, c.scope_pending, c.source_up_failed, c.source_failed, c.source_skipped,
           c.source_removed, s.sticky)) AS decision
  FROM me
  CROSS JOIN LATERAL (
    SELECT
      coalesce(sum(n) FILTER (WHERE role = 'direct'), 0)::int AS total,
      coalesce(sum(n) FILTER (WHERE role = 'direct' AND state = 'success'), 0)::int AS ok,
      coalesce(sum(n) FILTER (WHERE role = 'direct' AND state = 'failed'), 0)::int AS failed,
      coalesce(sum(n) FILTER (WHERE role = 'direct' AND state = 'upstream_failed'), 0)::int AS up_failed,
      coalesce(sum(n) FILTER (WHERE role = 'direct' AND state = 'skipped'), 0)::int AS skipped,
      coalesce(sum(n) FILTER (WHERE role = 'direct' AND state = 'removed'), 0)::int AS removed,
      coalesce(sum(n) FILTER (WHERE role = 'direct' AND setup), 0)::int AS setups,
      coalesce(sum(n) FILTER (WHERE role = 'direct' AND setup AND state = 'success'), 0)::int AS setups_ok,
      coalesce(sum(n) FILTER (WHERE role = 'direct' AND setup AND state = 'skipped'), 0)::int AS setups_skipped,
      coalesce(sum(n) FILTER (WHERE role = 'setup'), 0)::int AS above_total,
      coalesce(sum(n) FILTER (WHERE role = 'setup' AND state = 'success'), 0)::int AS above_ok,
      coalesce(sum(n) FILTER (WHERE role = 'setup' AND state IN ('failed', 'upstream_failed')), 0)::int AS above_failed,
      coalesce(sum(n) FILTER (WHERE role = 'setup' AND state = 'skipped'), 0)::int AS above_skipped,
      coalesce(sum(n) FILTER (WHERE role = 'setup' AND state = 'removed'), 0)::int AS above_removed,
      coalesce(sum(n) FILTER (WHERE role = 'scope' AND (state IS NULL OR state NOT IN (
        'success', 'failed', 'skipped', 'upstream_failed', 'removed'))), 0)::int AS scope_pending,
      coalesce(bool_or(role = 'source' AND state = 'upstream_failed'), false) AS source_up_failed,
      coalesce(bool_or(role = 'source' AND state = 'failed'), false) AS source_failed,
      coalesce(bool_or(role = 'source' AND state = 'skipped'), false) AS source_skipped,
      coalesce(bool_or(role = 'source' AND state = 'removed'), false) AS source_removed
    FROM (
      SELECT w.role, w.state, w.setup, w.n FROM shared w
      WHERE w.dag_run_id = me.dag_run_id AND w.task_index = me.task_index AND (NOT w.far OR me.looks_far)
      UNION ALL
      SELECT l.role, u.state, l.setup, 1
      FROM reading l
      CROSS JOIN LATERAL (SELECT app.map_inside(me.map_lengths, l.depth) AS inside OFFSET 0) k
      CROSS JOIN LATERAL (
        SELECT state FROM task_instance
        WHERE tenant_id = (SELECT app.tenant()) AND dag_run_id = me.dag_run_id AND task_index = l.up AND map_index = -1
        UNION ALL
        SELECT state FROM task_instance
        WHERE tenant_id = (SELECT app.tenant()) AND dag_run_id = me.dag_run_id AND task_index = l.up
          AND me.map_index >= 0
          AND map_index BETWEEN CASE l.near WHEN 1 THEN me.map_index / k.inside ELSE me.map_index / k.inside * k.inside END
                            AND CASE l.near WHEN 1 THEN me.map_index / k.inside
                                     ELSE me.map_index / k.inside * k.inside + k.inside - 1 END
        OFFSET 0) u
      WHERE l.dag_run_id = me.dag_run_id AND l.task_index = me.task_index
        AND l.near > 0 AND l.role <> 'skip' AND NOT me.looks_far
    ) looked
    OFFSET 0) c
  CROSS JOIN LATERAL ( -- a branch above has ended and did not choose it: it stays skipped when it is cleared
    SELECT EXISTS (
      SELECT FROM reading l
      CROSS JOIN LATERAL (
        SELECT value FROM xcom
        WHERE tenant_id = (SELECT app.tenant()) AND dag_run_id = me.dag_run_id AND task_id = l.task_id
          AND map_index = CASE WHEN l.near = 1 THEN me.map_index ELSE -1 END AND key = 'skipmixin_key' OFFSET 0) x
      WHERE l.dag_run_id = me.dag_run_id AND l.task_index = me.task_index AND l.role = 'skip'
        AND CASE WHEN x.value ? 'followed' AND NOT (x.value -> 'followed') ? me.task_id THEN true
                 ELSE coalesce((x.value -> 'skipped') ? me.task_id, false) END
        AND EXISTS (
          SELECT FROM task_instance u
          WHERE u.tenant_id = (SELECT app.tenant()) AND u.dag_run_id = me.dag_run_id AND u.task_index = l.up
            AND u.state IN ('success', 'failed', 'skipped', 'upstream_failed', 'removed'))
    ) AS sticky OFFSET 0) s
), woken AS (
  UPDATE task_instance ti
  SET state = CASE w.decision
        WHEN 1 THEN CASE WHEN w.unexpanded OR w.revise THEN NULL WHEN w.is_empty THEN 'success' ELSE 'scheduled' END
        WHEN 2 THEN 'skipped' WHEN 3 THEN 'upstream_failed' WHEN 4 THEN 'removed' END,
      held_reason = NULL, past_run_id = NULL,
      scheduled_at = CASE WHEN w.decision = 1 AND NOT (w.unexpanded OR w.revise) THEN %(now)s::timestamptz END,
      try_number = ti.try_number
        + CASE WHEN w.decision = 1 AND NOT (w.unexpanded OR w.revise) THEN 1 ELSE 0 END,
      start_date = CASE WHEN w.decision > 1 OR (w.decision = 1 AND w.is_empty AND NOT (w.unexpanded OR w.revise))
                        THEN %(now)s::timestamptz END,
      end_date = CASE WHEN w.decision > 1 OR (w.decision = 1 AND w.is_empty AND NOT (w.unexpanded OR w.revise))
                      THEN %(now)s::timestamptz END
  FROM weighed w
  -- IN and BETWEEN say no more than "decided", but promise the planner few rows: it looks each up by its key.
  WHERE ti.id = w.id AND ti.tenant_id = (SELECT app.tenant()) AND ti.state IS NULL
    AND w.decision IN (-1, 1, 2, 3, 4) AND w.decision BETWEEN -1 AND 4
  RETURNING ti.id, ti.state, w.decision, w.unexpanded, w.revise
)
SELECT 'task', id,
       CASE WHEN decision < 0 THEN 'past' WHEN decision = 1 AND revise AND NOT unexpanded THEN 'revise' ELSE state END
FROM woken
