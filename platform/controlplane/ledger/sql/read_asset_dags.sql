-- Purpose: what creating asset-triggered runs needs of DAGs, in id order. Locks: the DAGs, as plan_due does.
-- Index: primary keys; dag_run_waiting. Bound: the array.
-- Rows out: (row id, dag_id, is paused, is stale, has import errors, max_active_runs, runs that run or wait,
-- version id, bundle version id, runtime digest, timetable, catchup).
SELECT d.id, d.dag_id, d.is_paused, d.is_stale, d.has_import_errors, d.max_active_runs,
       d.active_runs + (SELECT count(*) FROM dag_run r
                        WHERE r.tenant_id = (SELECT app.tenant()) AND r.dag_id = d.dag_id AND r.state = 'queued'),
       v.id, b.id, coalesce(t.digest, ''), v.spec -> 'timetable', coalesce((v.spec ->> 'catchup')::boolean, false)
FROM dag d
LEFT JOIN dag_version v ON v.tenant_id = (SELECT app.tenant()) AND v.id = d.current_version_id
LEFT JOIN bundle_version b ON b.tenant_id = (SELECT app.tenant()) AND b.id = d.bundle_version_id
LEFT JOIN runtime t ON t.tenant_id = (SELECT app.tenant()) AND t.id = b.runtime_id
WHERE d.tenant_id = (SELECT app.tenant()) AND d.id = ANY(%(dags)s::uuid[])
ORDER BY d.id FOR NO KEY UPDATE OF d
