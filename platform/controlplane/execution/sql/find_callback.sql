-- Purpose: the callback behind a token. Locks: none. Index: primary key. Bound: 1 row.
SELECT task_instance_id, fence, state, dag_id, run_id, coalesce(task_id, ''), map_index
FROM callback
WHERE tenant_id = (SELECT app.tenant()) AND id = %(id)s::uuid
LIMIT 1
