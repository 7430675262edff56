-- Purpose: the next runs of DAGs with a timetable of the tenant's own are ordered from an agent, with a new epoch;
-- an older order that is still about is dropped.
-- Locks: the forecasts, then workloads. The DAGs are locked before. Index: timetable_forecast_uk; workload_uk.
-- Bound: the DAGs given.
WITH asked AS (
  INSERT INTO timetable_forecast (id, tenant_id, dag_id, content_hash, epoch, asked_at, runs)
  SELECT app.uuid7(), (SELECT app.tenant()), a.dag, a.hash, 1, %(now)s::timestamptz, '[]'
  FROM unnest(%(dags)s::uuid[], %(hashes)s::text[]) AS a(dag, hash) ORDER BY a.dag
  ON CONFLICT (tenant_id, dag_id) DO UPDATE
  SET content_hash = excluded.content_hash, epoch = timetable_forecast.epoch + 1, asked_at = excluded.asked_at,
      answered_at = NULL
  RETURNING dag_id, epoch
), dropped AS (
  DELETE FROM workload w USING asked a
  WHERE w.tenant_id = (SELECT app.tenant()) AND w.kind = 'timetable' AND w.ref = a.dag_id AND w.agent_id IS NULL
)
INSERT INTO workload (id, tenant_id, kind, ref, epoch, dispatched_at)
SELECT app.uuid7(), (SELECT app.tenant()), 'timetable', dag_id, epoch, %(now)s::timestamptz FROM asked
