-- Purpose: queued runs of these DAGs begin, oldest first, up to each DAG's max_active_runs.
-- Locks: dag rows in id order, then dag_run rows. Index: dag_run_waiting. Bound: free places of the DAGs.
-- Rows out: (run row id, how many task instances it has to end; 0: it is over).
WITH place AS (
  SELECT id, dag_id, max_active_runs - active_runs AS free FROM dag
  WHERE tenant_id = (SELECT app.tenant()) AND id = ANY(%(dags)s::uuid[]) AND NOT is_paused
  ORDER BY id FOR NO KEY UPDATE
), chosen AS (
  SELECT r.id, place.id AS dag_row FROM place
  CROSS JOIN LATERAL (
    SELECT id FROM dag_run
    WHERE tenant_id = (SELECT app.tenant()) AND dag_id = place.dag_id AND state = 'queued'
      AND run_after <= %(now)s::timestamptz
    ORDER BY run_after, id LIMIT greatest(place.free, 0) FOR NO KEY UPDATE
  ) r
), begun AS (
  UPDATE dag_run r
  SET state = 'running', start_date = coalesce(r.start_date, %(now)s::timestamptz),
      last_scheduling_decision = %(now)s::timestamptz
  FROM chosen WHERE r.id = chosen.id AND r.tenant_id = (SELECT app.tenant()) AND r.state = 'queued'
  RETURNING r.id, chosen.dag_row, r.unfinished
), counted AS (
  UPDATE dag d SET active_runs = d.active_runs + c.n
  FROM (SELECT dag_row, count(*)::int AS n FROM begun GROUP BY dag_row) c
  WHERE d.id = c.dag_row AND d.tenant_id = (SELECT app.tenant())
)
SELECT id, unfinished FROM begun
