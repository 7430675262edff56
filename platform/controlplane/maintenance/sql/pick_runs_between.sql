-- Purpose: ended runs whose logs or XComs a tenant keeps no longer, from where the last round stopped. Locks: none.
-- Index: dag_run_latest. Bound: `batch` runs. Rows out: (run row id, dag_id, run_id, run_after).
SELECT r.id, r.dag_id, r.run_id, r.run_after FROM dag_run r
WHERE r.tenant_id = (SELECT app.tenant()) AND r.run_after >= %(since)s::timestamptz
  AND r.run_after < %(before)s::timestamptz
  AND r.state IN ('success', 'failed') AND r.end_date < %(before)s::timestamptz
ORDER BY r.run_after, r.id LIMIT %(batch)s::int
