-- Purpose: nobody answered in time and there are no defaults: the task goes on with the error that Airflow's HITL
-- operators raise as their time-out.
-- Locks: the instances in id order. Index: primary key. Bound: the ids given. Rows out: (id).
WITH locked AS MATERIALIZED (
  SELECT ti.id FROM task_instance ti
  WHERE ti.tenant_id = (SELECT app.tenant()) AND ti.id = ANY(%(ids)s::uuid[])
    AND ti.state = 'awaiting_input' AND ti.due_at <= %(now)s::timestamptz
  ORDER BY ti.id FOR NO KEY UPDATE
)
UPDATE task_instance ti
SET state = 'scheduled', scheduled_at = %(now)s::timestamptz, due_at = NULL, held_reason = NULL,
    next_kwargs = CASE jsonb_typeof(ti.next_kwargs) WHEN 'object' THEN ti.next_kwargs ELSE '{}' END
      || '{"event": {"error": "The Human-in-the-loop response timeout has passed without a response.",
                     "error_type": "timeout"}}'
FROM locked
WHERE ti.id = locked.id AND ti.tenant_id = (SELECT app.tenant()) AND ti.state = 'awaiting_input'
RETURNING ti.id
