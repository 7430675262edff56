-- Purpose: a value that the running task kept, in this or an earlier try. Locks: none. Index: primary key,
-- task_state_key_uk. Bound: 1 row. Rows out: (value as JSON text).
SELECT s.value::text
FROM task_instance me
JOIN task_state s ON s.tenant_id = me.tenant_id AND s.dag_run_id = me.dag_run_id AND s.task_id = me.task_id
  AND s.map_index = me.map_index AND s.key = %(key)s::text
WHERE me.tenant_id = (SELECT app.tenant()) AND me.id = %(by)s::uuid AND me.epoch = %(epoch)s::int
