-- Purpose: the successful run before that of a task. Locks: none. Index: dag_run_logical_date_uk. Bound: 1 row.
SELECT r.data_interval_start, r.data_interval_end, r.start_date, r.end_date
FROM task_instance ti
JOIN dag_run here ON here.tenant_id = ti.tenant_id AND here.id = ti.dag_run_id
JOIN dag_run r ON r.tenant_id = here.tenant_id AND r.dag_id = here.dag_id
  AND r.logical_date < here.logical_date AND r.state = 'success'
WHERE ti.tenant_id = (SELECT app.tenant()) AND ti.id = %(id)s::uuid
ORDER BY r.logical_date DESC
LIMIT 1
