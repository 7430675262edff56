-- Purpose: inlets and outlets of a task, in the version its run has, that are not active assets. Locks: none.
-- Index: primary keys, asset_name_uri_uk. Bound: the task's inlets and outlets. Rows out: (name, uri).
SELECT DISTINCT t.name, t.uri
FROM task_instance ti
JOIN dag_version v ON v.tenant_id = (SELECT app.tenant()) AND v.id = ti.dag_version_id
CROSS JOIN LATERAL (
  SELECT coalesce(x ->> 'name', x ->> 'uri') AS name, coalesce(x ->> 'uri', x ->> 'name') AS uri
  FROM jsonb_array_elements(coalesce(v.spec -> 'tasks' -> ti.task_index -> 'inlets', '[]')
                            || coalesce(v.spec -> 'tasks' -> ti.task_index -> 'outlets', '[]')) AS x
  WHERE x ->> 'type' = 'asset') t
WHERE ti.tenant_id = (SELECT app.tenant()) AND ti.id = %(id)s::uuid
  AND NOT EXISTS (SELECT FROM asset a
                  WHERE a.tenant_id = (SELECT app.tenant()) AND a.is_active AND a.name = t.name AND a.uri = t.uri)
ORDER BY 1, 2
