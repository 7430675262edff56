-- Purpose: which task instances wait for their past in these runs, where one of `ended` has ended (NULL: wherever).
-- Locks: none. Index: task_instance_past. Bound: what waits for these runs. Rows out: (id).
SELECT w.id FROM task_instance w
JOIN dag_task t ON t.tenant_id = w.tenant_id AND t.dag_version_id = w.dag_version_id AND t.task_index = w.task_index
WHERE w.tenant_id = (SELECT app.tenant()) AND w.past_run_id = ANY(%(runs)s::uuid[]) AND w.state IS NULL
  AND (%(ended)s::uuid[] IS NULL OR t.past_rule & 2 > 0
       OR w.task_id IN (SELECT task_id FROM task_instance
                        WHERE tenant_id = (SELECT app.tenant()) AND id = ANY(%(ended)s::uuid[])))
ORDER BY w.id
