-- Purpose: how long the last successful runs of each run's DAG before it took. Locks: none. Index: dag_run_recent.
-- Bound: the runs given times `most`. Rows out: (run row id, seconds of each, newest first).
SELECT given.run, coalesce((
  SELECT array_agg(seconds) FROM (
    SELECT extract(epoch FROM r.end_date - r.start_date)::float8 AS seconds FROM dag_run r
    WHERE r.tenant_id = (SELECT app.tenant()) AND r.dag_id = given.dag_id AND r.state = 'success' AND r.id <> given.run
      AND r.start_date IS NOT NULL AND r.end_date IS NOT NULL
    ORDER BY r.run_after DESC LIMIT %(most)s::int) newest), '{}')
FROM unnest(%(runs)s::uuid[], %(dags)s::text[]) AS given(run, dag_id)
