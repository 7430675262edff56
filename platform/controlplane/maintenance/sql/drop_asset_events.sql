-- Purpose: events of assets that no kept run consumed and none will. Kept are: the newest of each asset; those that a run
-- consumed or was partitioned by; those that wait in a queue or for a partition; and those that a DAG which waits for the asset, or for an
-- alias it came through, has not consumed yet: later than its last run by assets. Locks: the rows.
-- Index: asset_event_recent, asset_event_of_asset, asset_event_run_of_event, asset_alias_event_of_event, dag_run_recent.
-- Bound: `batch`; what is kept is passed over. Rows out: (how many went).
WITH old AS MATERIALIZED (
  SELECT e.id FROM asset_event e
  WHERE e.tenant_id = (SELECT app.tenant()) AND e.timestamp < %(before)s::timestamptz
    AND EXISTS (
      SELECT FROM asset_event n
      WHERE n.tenant_id = e.tenant_id AND n.asset_id = e.asset_id AND n.timestamp > e.timestamp)
    AND NOT EXISTS (SELECT FROM asset_event_run c WHERE c.tenant_id = e.tenant_id AND c.event_id = e.id)
    AND NOT EXISTS (SELECT FROM asset_queue q WHERE q.tenant_id = e.tenant_id AND q.event_id = e.id)
    AND NOT EXISTS (SELECT FROM asset_partition_key k WHERE k.tenant_id = e.tenant_id AND k.event_id = e.id)
    AND NOT EXISTS (
      SELECT FROM asset_reference x JOIN dag d ON d.tenant_id = x.tenant_id AND d.id = x.dag_row_id
      WHERE x.tenant_id = e.tenant_id AND x.kind = 'schedule'
        AND (x.asset_id = e.asset_id OR x.alias_id IN (
          SELECT t.alias_id FROM asset_alias_event t WHERE t.tenant_id = e.tenant_id AND t.event_id = e.id))
        AND NOT EXISTS (
          SELECT FROM dag_run r
          WHERE r.tenant_id = d.tenant_id AND r.dag_id = d.dag_id AND r.run_type = 'asset_triggered'
            AND r.run_after >= e.timestamp))
  ORDER BY e.timestamp LIMIT %(batch)s::int
), gone AS (
  DELETE FROM asset_event WHERE tenant_id = (SELECT app.tenant()) AND id IN (SELECT id FROM old) RETURNING 1
)
SELECT count(*)::int FROM gone
