-- Purpose: which tasks missed their `sla` together with this one, for the callback of all. Locks: none.
-- Index: primary key, deadline_uk. Bound: the tasks of 1 run. Rows out: (task_id).
SELECT d.task_id FROM deadline first
JOIN deadline d ON d.tenant_id = first.tenant_id AND d.dag_run_id = first.dag_run_id AND d.kind = 'sla'
               AND d.missed_at = first.missed_at
WHERE first.tenant_id = (SELECT app.tenant()) AND first.id = %(id)s::uuid
ORDER BY d.number
