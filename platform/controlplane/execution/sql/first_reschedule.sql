-- Purpose: when the current try of a sensor first looked, if it rescheduled since. Locks: none. Bound: 1 row.
-- Index: primary key.
SELECT first_rescheduled_at FROM task_instance
WHERE tenant_id = (SELECT app.tenant()) AND id = %(id)s::uuid AND first_rescheduled_at IS NOT NULL
