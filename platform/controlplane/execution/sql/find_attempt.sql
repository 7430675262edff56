-- Purpose: the task instance behind a token. Locks: none. Index: primary key. Bound: 1 row.
SELECT id, epoch, state, dag_id, run_id, task_id, map_index, hostname, pid, end_date
FROM task_instance
WHERE tenant_id = (SELECT app.tenant()) AND id = %(id)s::uuid
LIMIT 1
