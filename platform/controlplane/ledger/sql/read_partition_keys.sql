-- Purpose: what waits for the rest of its partition, oldest first. Locks: none; only the scheduler that holds the
-- tenant's lease changes it. Index: asset_partition_key_waiting. Bound: `most` per DAG.
-- Rows out: (dag row id, id, event, name, uri, is active, source key, target key, partition date, fingerprint).
SELECT k.dag_row_id, k.id, k.event_id, a.name, a.uri, a.is_active, k.source_key, k.target_key, k.partition_date,
       k.fingerprint
FROM unnest(%(dags)s::uuid[]) AS d(id)
CROSS JOIN LATERAL (
  SELECT * FROM asset_partition_key w
  WHERE w.tenant_id = (SELECT app.tenant()) AND w.dag_row_id = d.id AND w.dag_run_id IS NULL
  ORDER BY w.created_at LIMIT %(most)s::int) k
JOIN asset a ON a.tenant_id = (SELECT app.tenant()) AND a.id = k.asset_id
ORDER BY k.dag_row_id, k.created_at, k.id
