-- Purpose: runs whose last task instance ended get their state; their DAG may start another.
-- Locks: dag_run rows, then dag rows in id order. Bound: the runs given.
-- Rows out: (run row id, dag_id, run_id, state).
WITH over AS (
  UPDATE dag_run r
  SET state = CASE WHEN r.failed_leaves > 0 THEN 'failed' ELSE 'success' END, end_date = %(now)s::timestamptz
  WHERE r.id = ANY(%(runs)s::uuid[]) AND r.tenant_id = (SELECT app.tenant())
    AND r.state = 'running' AND r.unfinished <= 0
  RETURNING r.id, r.dag_id, r.run_id, r.state
), held AS MATERIALIZED (
  SELECT d.id, c.n FROM dag d
  JOIN (SELECT dag_id, count(*)::int AS n FROM over GROUP BY dag_id) c ON c.dag_id = d.dag_id
  WHERE d.tenant_id = (SELECT app.tenant())
  ORDER BY d.id FOR NO KEY UPDATE OF d
), freed AS (
  UPDATE dag d SET active_runs = greatest(d.active_runs - held.n, 0)
  FROM held WHERE d.id = held.id AND d.tenant_id = (SELECT app.tenant())
  RETURNING d.id
), next AS (
  INSERT INTO work_item (tenant_id, kind, ref, due_at)
  SELECT (SELECT app.tenant()), 'start_runs', id, %(now)s::timestamptz FROM freed
)
SELECT id, dag_id, run_id, state FROM over
