-- Purpose: what happened and was not weighed yet, with what people want to know of it; gone when this commits.
-- Locks: the signals. Index: primary keys, dag_id_uk, task_instance_place.
-- CASE and not coalesce, which row-level security takes for a leak: the tenant's runs would all be read for each signal.
-- Bound: `batch`. A run's failure is told with the task that decided it, the last that failed. Rows out: (kind, ref, subject, detail, at, dag_id,
-- owners, tags, run_id, run row id, run seconds, task_id, map_index, try_number, died, tries are left).
WITH taken AS (
  DELETE FROM alert_signal
  WHERE tenant_id = (SELECT app.tenant()) AND id IN (
    SELECT id FROM alert_signal WHERE tenant_id = (SELECT app.tenant()) ORDER BY id LIMIT %(batch)s::int
    FOR UPDATE SKIP LOCKED)
  RETURNING *
)
SELECT s.kind, s.ref, s.subject, s.detail, s.at, coalesce(s.dag_id, r.dag_id, ti.dag_id),
       coalesce(d.owners, '[]'), coalesce(d.tags, '[]'), coalesce(r.run_id, ti.run_id), r.id,
       extract(epoch FROM r.end_date - r.start_date)::float8, coalesce(ti.task_id, last.task_id),
       coalesce(ti.map_index, last.map_index, -1), coalesce(ti.try_number, last.try_number, 0),
       coalesce(nullif(s.detail -> 'died', 'null'), ti.died, last.died), s.kind = 'task_retried'
FROM taken s
LEFT JOIN task_instance ti ON ti.tenant_id = s.tenant_id AND ti.id = s.ref
LEFT JOIN dag_run r ON r.tenant_id = s.tenant_id AND r.id = CASE WHEN ti.id IS NULL THEN s.ref ELSE ti.dag_run_id END
LEFT JOIN LATERAL (
  SELECT l.* FROM task_instance l
  WHERE s.kind = 'run_failed' AND l.tenant_id = s.tenant_id AND l.dag_run_id = r.id AND l.state = 'failed'
  ORDER BY l.end_date DESC NULLS LAST, l.id LIMIT 1
) last ON true
LEFT JOIN dag d ON d.tenant_id = s.tenant_id AND d.dag_id = coalesce(s.dag_id, r.dag_id, ti.dag_id)
ORDER BY s.id
