-- Purpose: one value (or, without a key, every value) that the running task kept goes. Locks: the rows.
-- Index: primary key, task_state_key_uk. Bound: the task's keys.
DELETE FROM task_state s
USING task_instance me
WHERE me.tenant_id = (SELECT app.tenant()) AND me.id = %(by)s::uuid AND me.epoch = %(epoch)s::int
  AND s.tenant_id = me.tenant_id AND s.dag_run_id = me.dag_run_id AND s.task_id = me.task_id
  AND s.map_index = me.map_index AND (%(key)s::text IS NULL OR s.key = %(key)s::text)
