-- Purpose: triggers fired, failed or timed out: their tasks are scheduled again, same try, to go on in `next_method`
-- with the event, or (a `method` of its own is said) to fail there as Airflow does.
-- Locks: the instances in id order, then their triggers and workloads. Index: primary keys, workload_uk.
-- Bound: the arrays. A task that does not wait under this epoch (cleared, marked, resumed before) stays as it is,
-- and the trigger goes. Rows out: (id, epoch) of those that moved.
WITH said AS (
  SELECT DISTINCT ON (id) * FROM unnest(
    %(ids)s::uuid[], %(epochs)s::int[], %(events)s::jsonb[], %(methods)s::text[], %(kwargs)s::jsonb[])
    WITH ORDINALITY AS s(id, epoch, event, method, kwargs, n)
  ORDER BY id, n
), locked AS MATERIALIZED (
  SELECT ti.id FROM said JOIN task_instance ti ON ti.id = said.id AND ti.epoch = said.epoch
  WHERE ti.tenant_id = (SELECT app.tenant()) AND ti.state = 'deferred'
  ORDER BY ti.id FOR NO KEY UPDATE OF ti
), moved AS (
  UPDATE task_instance ti
  SET state = 'scheduled', scheduled_at = %(now)s::timestamptz, due_at = NULL, held_reason = NULL,
      next_method = coalesce(said.method, ti.next_method),
      next_kwargs = CASE WHEN said.method IS NOT NULL THEN said.kwargs
        ELSE CASE jsonb_typeof(ti.next_kwargs) WHEN 'object' THEN ti.next_kwargs ELSE '{}' END
             || jsonb_build_object('event', coalesce(said.event, 'null')) END
  FROM said JOIN locked USING (id)
  WHERE ti.id = said.id AND ti.epoch = said.epoch AND ti.tenant_id = (SELECT app.tenant())
    AND ti.state = 'deferred'
  RETURNING ti.id, ti.epoch
), gone AS (
  DELETE FROM trigger t USING said
  WHERE t.tenant_id = (SELECT app.tenant()) AND t.id = said.id AND t.epoch = said.epoch
    AND t.task_instance_id IS NOT NULL
), unloaded AS (
  DELETE FROM workload w USING said
  WHERE w.tenant_id = (SELECT app.tenant()) AND w.ref = said.id AND w.epoch = said.epoch AND w.kind = 'trigger'
), items AS (
  INSERT INTO work_item (tenant_id, kind, ref, due_at)
  SELECT (SELECT app.tenant()), 'admit', NULL, least(%(now)s::timestamptz, clock_timestamp())
  WHERE EXISTS (SELECT FROM moved)
)
SELECT id, epoch FROM moved
