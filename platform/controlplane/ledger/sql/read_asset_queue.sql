-- Purpose: the events that these DAGs wait with, oldest first. Locks: none; only the scheduler that holds the
-- tenant's lease takes them. Index: asset_queue_of_dag. Bound: `most` per DAG.
-- Rows out: (dag row id, queue row id, asset id, name, uri, is active, event id, partition key, partition date, queued at,
-- dag_id, task_id, run_id, map_index).
SELECT q.dag_row_id, q.id, a.id, a.name, a.uri, a.is_active, e.id, e.partition_key, q.partition_date, q.created_at,
       e.source_dag_id, e.source_task_id, e.source_run_id, e.source_map_index
FROM unnest(%(dags)s::uuid[]) AS d(id)
CROSS JOIN LATERAL (
  SELECT * FROM asset_queue w
  WHERE w.tenant_id = (SELECT app.tenant()) AND w.dag_row_id = d.id
  ORDER BY w.created_at LIMIT %(most)s::int) q
JOIN asset a ON a.tenant_id = (SELECT app.tenant()) AND a.id = q.asset_id
JOIN asset_event e ON e.tenant_id = (SELECT app.tenant()) AND e.id = q.event_id
ORDER BY q.dag_row_id, q.created_at
