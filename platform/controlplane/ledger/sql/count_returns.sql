-- Purpose: how many of a DAG's newest runs were started by tasks since an instant. Locks: none.
-- Index: dag_run_recent. Bound: 4 x most rows read. Rows out: returns.
SELECT count(*) AS returns
FROM (
    SELECT r.run_type, r.queued_at
    FROM dag_run r
    WHERE r.tenant_id = (SELECT app.tenant()) AND r.dag_id = %(dag_id)s::text
    ORDER BY r.run_after DESC
    LIMIT 4 * %(most)s::int
) newest
WHERE newest.run_type = 'operator_triggered' AND newest.queued_at > %(since)s::timestamptz
