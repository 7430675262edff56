-- Purpose: DAGs whose last `max_consecutive_failed_dag_runs` runs all failed are paused, and say why; they plan
-- nothing any more. Locks: the DAGs in id order, then their plans. Index: dag_run_recent.
-- Bound: the DAGs given times their limit. Rows out: (dag_id, why).
-- A DAG that names no such limit has its tenant's, where there is one (`failed_runs_in_a_row`).
WITH bound AS MATERIALIZED (
  SELECT least((b.given ->> 'failed_runs_in_a_row')::float8, (b.own ->> 'failed_runs_in_a_row')::float8)::int AS most
  FROM app.tenant_bound b WHERE b.tenant_id = (SELECT app.tenant())
), limited AS MATERIALIZED (
  SELECT d.id, d.dag_id, coalesce(nullif(d.max_consecutive_failed_runs, 0), (SELECT most FROM bound)) AS most,
    CASE d.max_consecutive_failed_runs WHEN 0 THEN 'failed_runs_in_a_row' ELSE 'max_consecutive_failed_dag_runs' END
      AS limit_name
  FROM dag d
  WHERE d.tenant_id = (SELECT app.tenant()) AND d.dag_id = ANY(%(dags)s::text[]) AND NOT d.is_paused
    AND coalesce(nullif(d.max_consecutive_failed_runs, 0), (SELECT most FROM bound), 0) > 0
  ORDER BY d.id FOR NO KEY UPDATE
), paused AS (
  UPDATE dag d
  SET is_paused = true, next_logical_date = NULL, next_interval_start = NULL, next_interval_end = NULL,
      next_run_after = NULL,
      pause_reason = l.limit_name || ': the last ' || l.most || ' runs of this DAG failed'
  FROM limited l
  CROSS JOIN LATERAL (
    SELECT count(*) AS n FROM (
      SELECT state FROM dag_run
      WHERE tenant_id = (SELECT app.tenant()) AND dag_id = l.dag_id ORDER BY run_after DESC, id DESC LIMIT l.most) last
    WHERE last.state = 'failed' OFFSET 0) f
  WHERE d.id = l.id AND d.tenant_id = (SELECT app.tenant()) AND f.n >= l.most
  RETURNING d.id, d.dag_id, d.pause_reason
), unplanned AS (
  DELETE FROM work_item w USING paused p
  WHERE w.tenant_id = (SELECT app.tenant()) AND w.kind = 'plan' AND w.ref = p.id
)
SELECT dag_id, pause_reason FROM paused
