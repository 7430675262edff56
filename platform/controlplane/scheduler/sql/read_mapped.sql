-- Purpose: mapped task instances with their task's spec, and the groups' when it is in a mapped one.
-- Locks: none. Bound: the ids given. Rows out: (id, run, version, task_index, task, groups or NULL).
SELECT ti.id, ti.dag_run_id, ti.dag_version_id, ti.task_index, v.spec -> 'tasks' -> ti.task_index,
       CASE WHEN v.spec -> 'tasks' -> ti.task_index ? 'mapped_group_ids' THEN v.spec -> 'groups' END
FROM unnest(%(ids)s::uuid[]) AS i(id)
JOIN task_instance ti ON ti.id = i.id AND ti.tenant_id = (SELECT app.tenant())
JOIN dag_version v ON v.id = ti.dag_version_id AND v.tenant_id = ti.tenant_id
ORDER BY ti.task_index
