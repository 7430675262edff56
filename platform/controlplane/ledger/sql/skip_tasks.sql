-- Purpose: branches and short circuits skip tasks below them that are not running or over. A skip wins over an
-- upstream failure that was noticed first, as in Airflow: what was counted for it is counted anew.
-- Locks: unclaimed workloads (SKIP LOCKED: one being claimed is not skipped), then the instances in id order.
-- Before: lock_runs.sql. Index: task_instance_uk. Bound: the names given; a NULL map index means all.
-- Rows out: (id). Each that was not over is told to the scheduler as finished.
WITH named AS MATERIALIZED (
  SELECT DISTINCT ti.id, ti.epoch
  FROM unnest(%(ids)s::uuid[], %(epochs)s::int[], %(task_ids)s::text[], %(map_indexes)s::int[])
    AS s(id, epoch, task_id, map_index)
  JOIN task_instance me ON me.id = s.id AND me.epoch = s.epoch AND me.state = 'running'
                       AND me.tenant_id = (SELECT app.tenant())
  JOIN task_instance ti ON ti.tenant_id = me.tenant_id AND ti.dag_run_id = me.dag_run_id
                       AND ti.task_id = s.task_id AND (s.map_index IS NULL OR ti.map_index = s.map_index)
), free AS MATERIALIZED (
  SELECT w.id, w.ref, w.epoch FROM named n
  JOIN workload w ON w.tenant_id = (SELECT app.tenant()) AND w.kind = 'task' AND w.ref = n.id
                 AND w.epoch = n.epoch AND w.agent_id IS NULL
  FOR UPDATE OF w SKIP LOCKED
), target AS MATERIALIZED (
  SELECT ti.id, ti.epoch, ti.state, t.is_leaf, t.is_setup, t.counts_into FROM task_instance ti
  JOIN dag_task t ON t.tenant_id = ti.tenant_id AND t.dag_version_id = ti.dag_version_id
                 AND t.task_index = ti.task_index
  WHERE ti.tenant_id = (SELECT app.tenant()) AND ti.id IN (SELECT id FROM named)
    AND (ti.state IS NULL
         OR ti.state IN ('scheduled', 'up_for_retry', 'up_for_reschedule', 'deferred', 'awaiting_input',
                         'upstream_failed')
         OR ti.state = 'queued' AND EXISTS (SELECT FROM free f WHERE f.ref = ti.id AND f.epoch = ti.epoch))
  ORDER BY ti.id FOR NO KEY UPDATE OF ti
), skipped AS (
  UPDATE task_instance ti
  SET state = 'skipped', start_date = %(now)s::timestamptz, end_date = %(now)s::timestamptz,
      held_reason = NULL, due_at = NULL
  FROM target WHERE ti.id = target.id AND ti.tenant_id = (SELECT app.tenant())
  RETURNING ti.id, ti.dag_run_id, target.state AS was, target.is_leaf, target.is_setup, target.counts_into
), gone AS (
  DELETE FROM workload w USING free f, target t
  WHERE w.id = f.id AND w.tenant_id = (SELECT app.tenant()) AND t.id = f.ref AND t.epoch = f.epoch
), untriggered AS (
  DELETE FROM workload w USING skipped s
  WHERE w.tenant_id = (SELECT app.tenant()) AND w.ref = s.id AND w.kind = 'trigger' AND s.was = 'deferred'
), runs AS (
  UPDATE dag_run r SET failed_leaves = r.failed_leaves - c.n
  FROM (SELECT dag_run_id, count(*)::int AS n FROM skipped WHERE was = 'upstream_failed' AND is_leaf
        GROUP BY dag_run_id) c
  WHERE r.id = c.dag_run_id AND r.tenant_id = (SELECT app.tenant())
), below AS (
  UPDATE task_instance d
  SET upstream_upstream_failed = d.upstream_upstream_failed - c.n, upstream_skipped = d.upstream_skipped + c.n,
      upstream_setup_skipped = d.upstream_setup_skipped + c.setups
  FROM (SELECT dag_run_id, u.task_index, count(*)::int AS n, count(*) FILTER (WHERE is_setup)::int AS setups
        FROM skipped, unnest(counts_into) AS u(task_index) WHERE was = 'upstream_failed'
        GROUP BY dag_run_id, u.task_index) c
  WHERE d.tenant_id = (SELECT app.tenant()) AND d.dag_run_id = c.dag_run_id AND d.task_index = c.task_index
    AND d.state IS NULL AND d.id NOT IN (SELECT id FROM target)
), items AS (
  INSERT INTO work_item (tenant_id, kind, ref, due_at)
  SELECT (SELECT app.tenant()), 'finished', id, least(%(now)s::timestamptz, clock_timestamp())
  FROM skipped WHERE was IS DISTINCT FROM 'upstream_failed'
), past AS ( -- tasks of later runs may go on after a skip, not after a failure
  INSERT INTO work_item (tenant_id, kind, ref, due_at)
  SELECT DISTINCT (SELECT app.tenant()), 'past', r.id, least(%(now)s::timestamptz, clock_timestamp())
  FROM skipped s JOIN dag_run r ON r.tenant_id = (SELECT app.tenant()) AND r.id = s.dag_run_id AND r.awaited
  WHERE s.was = 'upstream_failed'
)
SELECT id FROM skipped
