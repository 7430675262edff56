-- Purpose: retries and reschedules whose time has come are scheduled again; a retry is a new try.
-- Locks: the instances. Index: primary key. Bound: the ids given. Rows out: (id).
UPDATE task_instance ti
SET state = 'scheduled', scheduled_at = %(now)s::timestamptz, due_at = NULL, held_reason = NULL,
    try_number = ti.try_number + CASE WHEN ti.state = 'up_for_retry' THEN 1 ELSE 0 END
FROM unnest(%(ids)s::uuid[]) AS i(id)
WHERE ti.id = i.id AND ti.tenant_id = (SELECT app.tenant())
  AND ti.state IN ('up_for_retry', 'up_for_reschedule') AND ti.due_at <= %(now)s::timestamptz
RETURNING ti.id
