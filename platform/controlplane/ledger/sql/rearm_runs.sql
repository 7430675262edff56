-- Purpose: instances of running runs that were changed by hand wait anew: they have counted nothing, and every end
-- above one of them that is over and was told before is to be told again. Those that read instead of counting
-- (dag_task.readings) are to be weighed. How many are above is counted, too: a mapped task that expanded while one
-- below it was over has told it nothing (expand_tasks.sql).
-- Before: no `finished` item of this round is left to be done. After: recount_runs.sql, propagate_ends.sql.
-- Locks: the waiting instances; the runs are locked before. Index: task_instance_place; work_item_tenant, once.
-- Bound: the instances of the runs, twice; fan-in is told once. Rows out: (whether to weigh it, id).
WITH waiting AS MATERIALIZED (
  SELECT ti.id, ti.dag_run_id, ti.dag_version_id, ti.task_index, t.is_reader FROM dag_run r
  JOIN task_instance ti ON ti.tenant_id = r.tenant_id AND ti.dag_run_id = r.id AND ti.state IS NULL
  LEFT JOIN LATERAL (
    SELECT readings IS NOT NULL AS is_reader FROM dag_task d
    WHERE d.tenant_id = ti.tenant_id AND d.dag_version_id = ti.dag_version_id
      AND d.task_index = ti.task_index OFFSET 0) t ON true
  WHERE r.tenant_id = (SELECT app.tenant()) AND r.id = ANY(%(runs)s::uuid[]) AND r.state = 'running'
), there AS MATERIALIZED (
  SELECT ti.dag_run_id, ti.dag_version_id, ti.task_index, count(*)::int AS n
  FROM (SELECT DISTINCT dag_run_id FROM waiting) one
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
), reset AS (
  UPDATE task_instance ti
  SET upstream_total = CASE WHEN waiting.is_reader IS FALSE THEN coalesce(totals.total, 0) ELSE ti.upstream_total END,
      upstream_setup_total =
        CASE WHEN waiting.is_reader IS FALSE THEN coalesce(totals.setups, 0) ELSE ti.upstream_setup_total END,
      upstream_success = 0, upstream_failed = 0, upstream_upstream_failed = 0, upstream_skipped = 0,
      upstream_removed = 0, upstream_setup_success = 0, upstream_setup_skipped = 0
  FROM waiting
  LEFT JOIN totals ON totals.dag_run_id = waiting.dag_run_id AND totals.task_index = waiting.task_index
  WHERE ti.id = waiting.id AND ti.tenant_id = (SELECT app.tenant()) AND ti.state IS NULL
), above AS MATERIALIZED (
  SELECT w.dag_run_id, t.task_index
  FROM (SELECT dag_run_id, dag_version_id, array_agg(DISTINCT task_index) AS indexes FROM waiting
        GROUP BY dag_run_id, dag_version_id) w
  CROSS JOIN LATERAL (
    SELECT task_index FROM dag_task d
    WHERE d.tenant_id = (SELECT app.tenant()) AND d.dag_version_id = w.dag_version_id
      AND d.counts_into && w.indexes OFFSET 0) t
)
SELECT false, u.id
FROM above
JOIN task_instance u ON u.tenant_id = (SELECT app.tenant()) AND u.dag_run_id = above.dag_run_id
                    AND u.task_index = above.task_index
WHERE u.state IN ('success', 'failed', 'skipped', 'upstream_failed', 'removed')
  AND u.id NOT IN (SELECT i.ref FROM work_item i WHERE i.tenant_id = (SELECT app.tenant()) AND i.kind = 'finished')
UNION ALL
SELECT true, id FROM waiting WHERE is_reader
