-- Purpose: events of partitions, by the keys of the runs they are for; their queue rows are taken.
-- Locks: the queue rows. Bound: the arrays.
WITH taken AS (
  DELETE FROM asset_queue WHERE tenant_id = (SELECT app.tenant()) AND id = ANY(%(queued)s::uuid[])
)
INSERT INTO asset_partition_key (id, tenant_id, dag_row_id, asset_id, event_id, source_key, target_key,
                                 partition_date, fingerprint, created_at)
SELECT app.uuid7(), (SELECT app.tenant()), k.dag, k.asset, k.event, k.source_key, k.target_key, k.partition_date,
       k.fingerprint, k.at
FROM jsonb_to_recordset(%(keys)s::jsonb) AS k(
  dag uuid, asset uuid, event uuid, source_key text, target_key text, partition_date timestamptz,
  fingerprint text, at timestamptz)
