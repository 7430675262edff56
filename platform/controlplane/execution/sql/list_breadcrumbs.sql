-- Purpose: the finished task instances of one run. Locks: none. Bound: the tasks of a run.
-- Index: dag_run_run_id_uk, then task_instance_place.
SELECT ti.task_id, ti.map_index, ti.state, ti.operator,
       extract(epoch FROM ti.end_date - ti.start_date)::float8
FROM dag_run r
JOIN task_instance ti ON ti.tenant_id = r.tenant_id AND ti.dag_run_id = r.id
WHERE r.tenant_id = (SELECT app.tenant()) AND r.dag_id = %(dag_id)s::text AND r.run_id = %(run_id)s::text
  AND ti.state IN ('success', 'failed', 'skipped', 'upstream_failed', 'removed')
ORDER BY ti.task_id, ti.map_index
