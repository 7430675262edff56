-- What the DAG of one task instance declares, what was found in the task, what the task itself declares, and
-- whether it sends mails: one row, or none when there is no such task instance or task.
-- Locks: none. Index: primary keys of task_instance and dag_version. Bound: 1 row; the version's tasks are walked.
SELECT v.spec -> 'default_args' -> 'secrets', t.task -> 'secrets', t.task -> 'executor_config' -> 'secrets',
       coalesce(jsonb_array_length(t.task -> 'email'), 0) > 0
FROM task_instance AS i
JOIN dag_version AS v ON v.tenant_id = i.tenant_id AND v.id = coalesce(i.ran_version_id, i.dag_version_id)
CROSS JOIN LATERAL (
    SELECT e.task
    FROM jsonb_array_elements(v.spec -> 'tasks') AS e(task)
    WHERE e.task ->> 'task_id' = i.task_id
    LIMIT 1
) AS t
WHERE i.tenant_id = (SELECT app.tenant()) AND i.id = %(task_instance)s::uuid
LIMIT 1
