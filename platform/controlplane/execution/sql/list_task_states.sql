-- Purpose: states of the task instances of a DAG that match. Locks: none. Bound: the runs that match.
-- Index: dag_run_run_id_uk (tenant, dag), then task_instance_place by run.
SELECT r.run_id, ti.task_id, ti.map_index, ti.state
FROM dag_run r
JOIN task_instance ti ON ti.tenant_id = r.tenant_id AND ti.dag_run_id = r.id
WHERE r.tenant_id = (SELECT app.tenant()) AND r.dag_id = %(dag_id)s::text
  AND (%(run_ids)s::text[] IS NULL OR r.run_id = ANY(%(run_ids)s::text[]))
  AND (%(logical_dates)s::timestamptz[] IS NULL OR r.logical_date = ANY(%(logical_dates)s::timestamptz[]))
  AND (%(task_ids)s::text[] IS NULL OR ti.task_id = ANY(%(task_ids)s::text[]))
  AND (%(map_index)s::int IS NULL OR ti.map_index = %(map_index)s::int)
ORDER BY r.run_after, ti.task_index, ti.map_index
