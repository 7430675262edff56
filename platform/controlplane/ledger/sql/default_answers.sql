-- Purpose: nobody answered in time: the defaults of the question become the answer, the params' own values with them.
-- Locks: the instances in id order, then their questions (as whoever answers does). Index: primary key,
-- hitl_detail_uk. Bound: the ids given. A question without defaults stays open. Rows out: (task instance).
WITH locked AS MATERIALIZED (
  SELECT ti.id, ti.try_number FROM task_instance ti
  WHERE ti.tenant_id = (SELECT app.tenant()) AND ti.id = ANY(%(ids)s::uuid[])
    AND ti.state = 'awaiting_input' AND ti.due_at <= %(now)s::timestamptz
  ORDER BY ti.id FOR NO KEY UPDATE
)
UPDATE hitl_detail h
SET chosen_options = h.defaults, responded_at = %(now)s::timestamptz, responded_by = NULL,
    params_input = (
      SELECT coalesce(jsonb_object_agg(p.key, CASE WHEN jsonb_typeof(p.value) = 'object' AND p.value ? 'value'
                                                   THEN p.value -> 'value' ELSE p.value END), '{}')
      FROM jsonb_each(h.params) p)
FROM locked
WHERE h.tenant_id = (SELECT app.tenant()) AND h.task_instance_id = locked.id AND h.try_number = locked.try_number
  AND h.responded_at IS NULL AND jsonb_typeof(h.defaults) = 'array'
RETURNING h.task_instance_id
