-- Purpose: a branch or short-circuit skips tasks below it that have not begun.
-- Locks: the instances of one run. Index: task_instance_uk. Bound: the names given.
-- Rows out: (id). Each is told to the scheduler as finished.
WITH skipped AS (
  UPDATE task_instance ti
  SET state = 'skipped', start_date = %(now)s::timestamptz, end_date = %(now)s::timestamptz
  FROM task_instance me, unnest(%(task_ids)s::text[], %(map_indexes)s::int[]) AS s(task_id, map_index)
  WHERE me.id = %(id)s::uuid AND me.epoch = %(epoch)s::int AND me.state = 'running'
    AND me.tenant_id = (SELECT app.tenant()) AND ti.tenant_id = me.tenant_id
    AND ti.dag_run_id = me.dag_run_id AND ti.task_id = s.task_id
    AND (s.map_index IS NULL OR ti.map_index = s.map_index)
    AND (ti.state IS NULL OR ti.state = 'scheduled')
  RETURNING ti.id
), items AS (
  INSERT INTO work_item (tenant_id, kind, ref, due_at)
  SELECT (SELECT app.tenant()), 'finished', id, %(now)s::timestamptz FROM skipped
)
SELECT id FROM skipped
