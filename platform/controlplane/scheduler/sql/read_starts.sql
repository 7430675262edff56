-- Purpose: in which trigger these tasks begin. Locks: none. Index: primary keys; dag_task_index_uk.
-- Bound: the ids given. Rows out: (id, the spec's start_trigger, execution time-out in seconds).
SELECT ti.id, v.spec -> 'tasks' -> ti.task_index -> 'start_trigger', t.execution_timeout_seconds
FROM unnest(%(ids)s::uuid[]) AS i(id)
JOIN task_instance ti ON ti.id = i.id AND ti.tenant_id = (SELECT app.tenant())
JOIN dag_version v ON v.id = ti.dag_version_id AND v.tenant_id = ti.tenant_id
JOIN dag_task t ON t.tenant_id = ti.tenant_id AND t.dag_version_id = ti.dag_version_id
               AND t.task_index = ti.task_index
WHERE t.starts_deferred
