-- Purpose: instances of running runs that were changed by hand wait anew: they have counted nothing, and every end
-- above one of them that is over and was told before is to be told again. Those that read instead of counting
-- (dag_task.readings) are to be weighed.
-- Before: no `finished` item of this round is left to be done. After: recount_runs.sql, propagate_ends.sql.
-- Locks: the waiting instances; the runs are locked before. Index: task_instance_place; work_item_tenant, once.
-- Bound: the instances of the runs; fan-in is told once. Rows out: (whether to weigh it, id).
WITH waiting AS MATERIALIZED (
  SELECT ti.id, ti.dag_run_id, ti.dag_version_id, ti.task_index, t.is_reader FROM dag_run r
  JOIN task_instance ti ON ti.tenant_id = r.tenant_id AND ti.dag_run_id = r.id AND ti.state IS NULL
  LEFT JOIN LATERAL (
    SELECT readings IS NOT NULL AS is_reader FROM dag_task d
    WHERE d.tenant_id = ti.tenant_id AND d.dag_version_id = ti.dag_version_id
      AND d.task_index = ti.task_index OFFSET 0) t ON true
  WHERE r.tenant_id = (SELECT app.tenant()) AND r.id = ANY(%(runs)s::uuid[]) AND r.state = 'running'
), reset AS (
  UPDATE task_instance ti
  SET upstream_success = 0, upstream_failed = 0, upstream_upstream_failed = 0, upstream_skipped = 0,
      upstream_removed = 0, upstream_setup_success = 0, upstream_setup_skipped = 0
  FROM waiting WHERE ti.id = waiting.id AND ti.tenant_id = (SELECT app.tenant()) AND ti.state IS NULL
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
