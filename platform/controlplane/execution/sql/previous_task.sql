-- Purpose: the newest task instance of a task by logical date. Locks: none. Bound: 1 row.
-- Index: dag_run_logical_date_uk, then task_instance_uk.
SELECT ti.task_id, ti.dag_id, ti.run_id, r.logical_date, ti.start_date, ti.end_date, ti.state, ti.try_number,
       ti.map_index, extract(epoch FROM ti.end_date - ti.start_date)::float8
FROM dag_run r
JOIN task_instance ti ON ti.tenant_id = r.tenant_id AND ti.dag_run_id = r.id
  AND ti.task_id = %(task_id)s::text AND ti.map_index = %(map_index)s::int
WHERE r.tenant_id = (SELECT app.tenant()) AND r.dag_id = %(dag_id)s::text
  AND (%(before)s::timestamptz IS NULL OR r.logical_date < %(before)s::timestamptz)
  AND (%(state)s::text IS NULL OR ti.state = %(state)s::text)
ORDER BY r.logical_date DESC
LIMIT 1
