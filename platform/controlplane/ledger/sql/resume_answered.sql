-- Purpose: tasks whose question has an answer (a person's, or the defaults in time-out) are scheduled again, same
-- try, with the answer as Airflow's HITL operators take it.
-- Locks: the instances in id order, then their answers (read only), triggers and workloads. Index: primary key,
-- hitl_detail_uk. Bound: the ids given. A task that waits no more stays as it is. Rows out: (id).
WITH locked AS MATERIALIZED (
  SELECT ti.id, ti.try_number FROM task_instance ti
  WHERE ti.tenant_id = (SELECT app.tenant()) AND ti.id = ANY(%(ids)s::uuid[])
    AND ti.state IN ('awaiting_input', 'deferred')
  ORDER BY ti.id FOR NO KEY UPDATE
), answered AS MATERIALIZED (
  SELECT h.* FROM locked
  JOIN hitl_detail h ON h.tenant_id = (SELECT app.tenant()) AND h.task_instance_id = locked.id
                    AND h.try_number = locked.try_number
  WHERE h.responded_at IS NOT NULL
), moved AS (
  UPDATE task_instance ti
  SET state = 'scheduled', scheduled_at = %(now)s::timestamptz, due_at = NULL, held_reason = NULL,
      next_kwargs = CASE jsonb_typeof(ti.next_kwargs) WHEN 'object' THEN ti.next_kwargs ELSE '{}' END
        || jsonb_build_object('event', jsonb_build_object(
          'chosen_options', coalesce(a.chosen_options, '[]'), 'params_input', coalesce(a.params_input, '{}'),
          'responded_at', app.sdk_instant(a.responded_at), 'responded_by_user', a.responded_by,
          'timedout', a.responded_by IS NULL))
  FROM answered a
  WHERE ti.id = a.task_instance_id AND ti.tenant_id = (SELECT app.tenant())
    AND ti.state IN ('awaiting_input', 'deferred')
  RETURNING ti.id
), gone AS (
  DELETE FROM trigger t USING moved
  WHERE t.tenant_id = (SELECT app.tenant()) AND t.id = moved.id
), unloaded AS (
  DELETE FROM workload w USING moved
  WHERE w.tenant_id = (SELECT app.tenant()) AND w.ref = moved.id AND w.kind = 'trigger'
), items AS (
  INSERT INTO work_item (tenant_id, kind, ref, due_at)
  SELECT (SELECT app.tenant()), 'admit', NULL, least(%(now)s::timestamptz, clock_timestamp())
  WHERE EXISTS (SELECT FROM moved)
)
SELECT id FROM moved
