-- Purpose: ended runs that a tenant keeps no longer, oldest first; the newest run of each DAG stays, whatever its age.
-- Locks: none; who deletes them looks again. Index: dag_run_latest, dag_run_recent. Bound: `batch` runs.
-- Rows out: (run row id, dag_id, run_id).
SELECT r.id, r.dag_id, r.run_id FROM dag_run r
WHERE r.tenant_id = (SELECT app.tenant()) AND r.run_after < %(before)s::timestamptz
  AND r.state IN ('success', 'failed') AND r.end_date < %(before)s::timestamptz AND NOT r.awaited
  AND EXISTS (SELECT FROM dag_run n WHERE n.tenant_id = r.tenant_id AND n.dag_id = r.dag_id
              AND n.run_after > r.run_after)
ORDER BY r.run_after, r.id LIMIT %(batch)s::int
