-- Purpose: those of these DAGs that wait with events of assets, or for the rest of a partition, are looked at. Locks: none.
-- Index: dag_dag_id_uk, asset_queue_of_dag,
-- asset_partition_key_waiting. Bound: the array. Rows out: one per DAG that is looked at.
INSERT INTO work_item (tenant_id, kind, ref, due_at)
SELECT (SELECT app.tenant()), 'assets', d.id, least(%(now)s::timestamptz, clock_timestamp()) FROM dag d
WHERE d.tenant_id = (SELECT app.tenant()) AND d.dag_id = ANY(%(dag_ids)s::text[])
  AND (EXISTS (SELECT FROM asset_queue q WHERE q.tenant_id = (SELECT app.tenant()) AND q.dag_row_id = d.id)
       OR EXISTS (SELECT FROM asset_partition_key k
                  WHERE k.tenant_id = (SELECT app.tenant()) AND k.dag_row_id = d.id AND k.dag_run_id IS NULL))
RETURNING id
