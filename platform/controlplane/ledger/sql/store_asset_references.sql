-- Purpose: the references of these DAGs are exactly the given ones, those of stale DAGs are gone; what a DAG no
-- longer waits for is no longer queued for it. A reference that stays keeps its age.
-- Locks: lock_assets.sql was run before; references and queued events of the DAGs.
-- Index: asset_reference_uk, asset_queue_of_dag. Bound: the array; the tenant's stale DAGs.
-- Rows out: (1) per reference that came or went.
WITH said AS MATERIALIZED (
  SELECT DISTINCT r.dag_row, r.dag_id, r.kind, r.task_id, a.id AS asset_id, l.id AS alias_id, r.ref_name,
         r.ref_uri, r.partitioned,
         r.watchers
  FROM jsonb_to_recordset(%(references)s::jsonb) AS r(
    dag_row uuid, dag_id text, kind text, task_id text, name text, uri text, alias text, ref_name text,
    ref_uri text, partitioned bool, watchers jsonb)
  LEFT JOIN asset a ON a.tenant_id = (SELECT app.tenant()) AND a.name = r.name AND a.uri = r.uri
  LEFT JOIN asset_alias l ON l.tenant_id = (SELECT app.tenant()) AND l.name = r.alias
), dags AS MATERIALIZED (
  SELECT unnest(%(dags)s::uuid[]) AS id
  UNION
  SELECT id FROM dag WHERE tenant_id = (SELECT app.tenant()) AND is_stale
), gone AS (
  DELETE FROM asset_reference x USING dags
  WHERE x.tenant_id = (SELECT app.tenant()) AND x.dag_row_id = dags.id AND NOT EXISTS (
    SELECT FROM said s
    WHERE s.dag_row = x.dag_row_id AND s.kind = x.kind AND s.task_id = x.task_id
      AND (s.asset_id, s.alias_id, s.ref_name, s.ref_uri)
        IS NOT DISTINCT FROM (x.asset_id, x.alias_id, x.ref_name, x.ref_uri))
  RETURNING x.dag_row_id, x.kind, x.asset_id
), unqueued AS (
  DELETE FROM asset_queue q USING dags
  WHERE q.tenant_id = (SELECT app.tenant()) AND q.dag_row_id = dags.id
    AND (NOT EXISTS (SELECT FROM said s WHERE s.dag_row = dags.id AND s.kind = 'schedule')
         OR EXISTS (SELECT FROM gone g
                    WHERE g.dag_row_id = dags.id AND g.kind = 'schedule' AND g.asset_id = q.asset_id))
), come AS (
  INSERT INTO asset_reference (id, tenant_id, dag_row_id, dag_id, kind, task_id, asset_id, alias_id, ref_name,
                               ref_uri, partitioned, watchers, created_at, updated_at)
  SELECT app.uuid7(), (SELECT app.tenant()), dag_row, dag_id, kind, task_id, asset_id, alias_id, ref_name, ref_uri,
         partitioned, watchers, %(now)s::timestamptz, %(now)s::timestamptz
  FROM said
  ON CONFLICT (tenant_id, dag_row_id, kind, task_id, asset_id, alias_id, ref_name, ref_uri)
  DO UPDATE SET partitioned = excluded.partitioned, watchers = excluded.watchers, updated_at = excluded.updated_at
  WHERE (asset_reference.partitioned, asset_reference.watchers)
    IS DISTINCT FROM (excluded.partitioned, excluded.watchers)
  RETURNING 1
)
SELECT 1 FROM gone UNION ALL SELECT 1 FROM come
