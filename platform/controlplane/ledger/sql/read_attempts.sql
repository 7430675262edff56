-- Purpose: what deciding a retry needs to know of running attempts.
-- Locks: none. Rows out: (id, epoch, try_number, max_tries, delay, multiplier, longest delay, dag_id, task_id,
-- logical date, run_id, map_index).
SELECT ti.id, ti.epoch, ti.try_number, ti.max_tries, t.retry_delay_seconds, t.retry_multiplier,
       t.max_retry_delay_seconds, ti.dag_id, ti.task_id, r.logical_date, ti.run_id, ti.map_index
FROM unnest(%(ids)s::uuid[]) AS i(id)
JOIN task_instance ti ON ti.id = i.id AND ti.tenant_id = (SELECT app.tenant())
JOIN dag_run r ON r.id = ti.dag_run_id AND r.tenant_id = ti.tenant_id
JOIN dag_task t ON t.tenant_id = ti.tenant_id AND t.dag_version_id = ti.dag_version_id
               AND t.task_index = ti.task_index
