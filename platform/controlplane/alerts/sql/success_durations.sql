-- Purpose: how long a DAG's last successful runs took, newest first. Locks: none. Index: dag_run_recent.
-- Bound: `most`. Rows out: (seconds).
SELECT extract(epoch FROM end_date - start_date)::float8 FROM dag_run
WHERE tenant_id = (SELECT app.tenant()) AND dag_id = %(dag_id)s::text AND state = 'success'
  AND start_date IS NOT NULL AND end_date IS NOT NULL
ORDER BY run_after DESC LIMIT %(most)s::int
