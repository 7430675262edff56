-- Purpose: how long the values are that these tasks returned, for mapping over them. Of a mapped task it is the
-- number of its instances that returned something, known once all are over; of any other the length of the value.
-- Locks: none. Index: xcom_uk, task_instance_place. Bound: the tasks named; all instances of mapped ones.
-- Rows out: (run, task_id, length or NULL).
SELECT s.dag_run, s.task_id,
  CASE WHEN coalesce((v.spec -> 'tasks' -> t.task_index ->> 'is_mapped')::bool, false) THEN
    CASE WHEN NOT EXISTS (
      SELECT FROM task_instance u
      WHERE u.tenant_id = (SELECT app.tenant()) AND u.dag_run_id = s.dag_run AND u.task_index = t.task_index
        AND (u.state IS NULL OR u.state NOT IN ('success', 'failed', 'skipped', 'upstream_failed', 'removed')))
    THEN (
      SELECT count(*)::int FROM xcom x
      WHERE x.tenant_id = (SELECT app.tenant()) AND x.dag_run_id = s.dag_run AND x.task_id = s.task_id
        AND x.map_index >= 0 AND x.key = 'return_value')
    END
  ELSE (
    SELECT x.mapped_length FROM xcom x
    WHERE x.tenant_id = (SELECT app.tenant()) AND x.dag_run_id = s.dag_run AND x.task_id = s.task_id
      AND x.map_index = -1 AND x.key = 'return_value')
  END
FROM unnest(%(runs)s::uuid[], %(versions)s::uuid[], %(task_ids)s::text[]) AS s(dag_run, version, task_id)
JOIN dag_version v ON v.id = s.version AND v.tenant_id = (SELECT app.tenant())
JOIN dag_task t ON t.tenant_id = (SELECT app.tenant()) AND t.dag_version_id = s.version AND t.task_id = s.task_id
