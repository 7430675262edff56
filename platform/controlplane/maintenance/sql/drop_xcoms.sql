-- Purpose: XComs of ended runs are kept no longer; objects of large ones are swept afterwards. Locks: the rows.
-- Index: xcom_uk. Bound: the XComs of the runs given. Rows out: (how many).
WITH gone AS (
  DELETE FROM xcom WHERE tenant_id = (SELECT app.tenant()) AND dag_run_id = ANY (%(runs)s::uuid[]) RETURNING 1
)
SELECT count(*)::int FROM gone
