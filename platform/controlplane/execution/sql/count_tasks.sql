-- Purpose: how many task instances of a DAG match. Locks: none. Bound: 1 row.
-- Index: dag_run_run_id_uk (tenant, dag), then task_instance_place by run.
SELECT count(*)
FROM dag_run r
JOIN task_instance ti ON ti.tenant_id = r.tenant_id AND ti.dag_run_id = r.id
WHERE r.tenant_id = (SELECT app.tenant()) AND r.dag_id = %(dag_id)s::text
  AND (%(run_ids)s::text[] IS NULL OR r.run_id = ANY(%(run_ids)s::text[]))
  AND (%(logical_dates)s::timestamptz[] IS NULL OR r.logical_date = ANY(%(logical_dates)s::timestamptz[]))
  AND (%(task_ids)s::text[] IS NULL OR ti.task_id = ANY(%(task_ids)s::text[]))
  AND (%(in_group)s::text[] IS NULL OR ti.task_id = ANY(%(in_group)s::text[]))
  AND (%(map_index)s::int IS NULL OR ti.map_index = %(map_index)s::int)
  AND (%(any_state)s::boolean OR ti.state = ANY(%(states)s::text[])
       OR (%(null_state)s::boolean AND ti.state IS NULL))
