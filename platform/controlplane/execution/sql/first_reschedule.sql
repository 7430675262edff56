-- Purpose: when the current try of a sensor first looked, if it rescheduled since. Locks: none. Bound: 1 row.
-- Index: primary key, then task_try_uk.
SELECT min(t.start_date)
FROM task_instance ti
JOIN task_try t ON t.tenant_id = ti.tenant_id AND t.task_instance_id = ti.id
  AND t.try_number = ti.try_number AND t.state = 'up_for_reschedule'
WHERE ti.tenant_id = (SELECT app.tenant()) AND ti.id = %(id)s::uuid
HAVING count(*) > 0
