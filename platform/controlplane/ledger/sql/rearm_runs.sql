-- Purpose: instances of runs changed by hand wait anew: they have counted nothing, and every end above one of them
-- that is over is told again. Runs that are over stay as they are until they are queued again.
-- Before: clear_tasks.sql or mark_tasks.sql; no scheduler is at work here. After: recount_runs.sql.
-- Index: task_instance_place; work_item_tenant, once. Bound: the instances of the runs; fan-in is told once.
WITH waiting AS MATERIALIZED (
  SELECT ti.id, ti.dag_run_id, ti.dag_version_id, ti.task_index FROM task_instance ti
  JOIN dag_run r ON r.id = ti.dag_run_id AND r.tenant_id = ti.tenant_id
  WHERE ti.tenant_id = (SELECT app.tenant()) AND ti.dag_run_id = ANY(%(runs)s::uuid[]) AND ti.state IS NULL
    AND r.state IN ('queued', 'running')
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
      AND d.downstream && w.indexes OFFSET 0) t
)
INSERT INTO work_item (tenant_id, kind, ref, due_at)
SELECT (SELECT app.tenant()), 'finished', u.id, least(%(now)s::timestamptz, clock_timestamp())
FROM above
JOIN task_instance u ON u.tenant_id = (SELECT app.tenant()) AND u.dag_run_id = above.dag_run_id
                    AND u.task_index = above.task_index
WHERE u.state IN ('success', 'failed', 'skipped', 'upstream_failed', 'removed')
  AND u.id NOT IN (SELECT i.ref FROM work_item i WHERE i.tenant_id = (SELECT app.tenant()) AND i.kind = 'finished')
