-- Purpose: new runs consume the events of what their DAGs wait for: up to the instant that brought the run about,
-- after the run before; a first run without catchup starts where its DAG began to wait. The queue is taken.
-- Locks: the queue rows. Index: dag_run_recent, asset_reference_uk, asset_event_of_asset, asset_alias_event_uk.
-- Bound: the runs given times their events.
WITH said AS MATERIALIZED (
  SELECT s.*, coalesce(
    (SELECT r.run_after FROM dag_run r
     WHERE r.tenant_id = (SELECT app.tenant()) AND r.dag_id = s.dag_id AND r.run_type = 'asset_triggered'
       AND r.run_after < s.triggered_at AND r.id <> s.run
     ORDER BY r.run_after DESC LIMIT 1),
    CASE WHEN NOT s.catchup THEN
      (SELECT min(x.created_at) FROM asset_reference x
       WHERE x.tenant_id = (SELECT app.tenant()) AND x.dag_row_id = s.dag AND x.kind = 'schedule'
         AND x.asset_id IS NOT NULL) END,
    '-infinity') AS after
  FROM jsonb_to_recordset(%(runs)s::jsonb) AS s(
    dag uuid, dag_id text, run uuid, triggered_at timestamptz, catchup bool)
), consumed AS (
  INSERT INTO asset_event_run (id, tenant_id, dag_run_id, event_id)
  SELECT app.uuid7(), (SELECT app.tenant()), s.run, e.id
  FROM said s CROSS JOIN LATERAL (
    SELECT e.id FROM asset_reference x
    JOIN asset_event e ON e.tenant_id = (SELECT app.tenant()) AND e.asset_id = x.asset_id
                      AND e.timestamp <= s.triggered_at AND e.timestamp > s.after
    WHERE x.tenant_id = (SELECT app.tenant()) AND x.dag_row_id = s.dag AND x.kind = 'schedule'
    UNION
    SELECT e.id FROM asset_reference x
    JOIN asset_alias_event t ON t.tenant_id = (SELECT app.tenant()) AND t.alias_id = x.alias_id
    JOIN asset_event e ON e.tenant_id = (SELECT app.tenant()) AND e.id = t.event_id
                      AND e.timestamp <= s.triggered_at AND e.timestamp > s.after
    WHERE x.tenant_id = (SELECT app.tenant()) AND x.dag_row_id = s.dag AND x.kind = 'schedule'
    OFFSET 0) e
)
DELETE FROM asset_queue WHERE tenant_id = (SELECT app.tenant()) AND id = ANY(%(queued)s::uuid[])
