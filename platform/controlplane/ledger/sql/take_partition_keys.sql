-- Purpose: runs have the partitions they waited for: keys and consumed events are theirs; what other mappers gave
-- than those in force is dropped. Locks: the rows. Index: primary keys. Bound: the arrays.
WITH dropped AS (
  DELETE FROM asset_partition_key WHERE tenant_id = (SELECT app.tenant()) AND id = ANY(%(stale)s::uuid[])
), taken AS (
  UPDATE asset_partition_key k SET dag_run_id = t.run
  FROM unnest(%(keys)s::uuid[], %(runs)s::uuid[]) AS t(key, run)
  WHERE k.tenant_id = (SELECT app.tenant()) AND k.id = t.key
  RETURNING k.dag_run_id, k.event_id
)
INSERT INTO asset_event_run (id, tenant_id, dag_run_id, event_id)
SELECT app.uuid7(), (SELECT app.tenant()), t.dag_run_id, t.event_id
FROM (SELECT DISTINCT dag_run_id, event_id FROM taken) t
