-- Purpose: which task instances of a run have not succeeded, for the callback of a missed `sla`. Locks: none.
-- Index: task_instance_place. Bound: 1,000. Rows out: (task_id, map_index, state, try_number, start_date).
SELECT ti.task_id, ti.map_index, ti.state, ti.try_number, ti.start_date
FROM callback c
JOIN task_instance ti ON ti.tenant_id = c.tenant_id AND ti.dag_run_id = c.dag_run_id
WHERE c.tenant_id = (SELECT app.tenant()) AND c.kind = 'sla_miss' AND c.ref = %(deadline)s::uuid
  AND ti.state IS DISTINCT FROM 'success'
ORDER BY ti.task_index, ti.map_index LIMIT 1000
