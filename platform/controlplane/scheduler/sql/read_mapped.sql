-- Purpose: unexpanded mapped task instances with their task's spec. Locks: none. Bound: the ids given.
SELECT ti.id, ti.dag_run_id, v.spec -> 'tasks' -> ti.task_index
FROM unnest(%(ids)s::uuid[]) AS i(id)
JOIN task_instance ti ON ti.id = i.id AND ti.tenant_id = (SELECT app.tenant())
JOIN dag_version v ON v.id = ti.dag_version_id AND v.tenant_id = ti.tenant_id
