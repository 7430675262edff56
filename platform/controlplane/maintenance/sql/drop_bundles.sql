-- Purpose: bundle versions that nothing kept uses, with the deployments of them that are over. Kept are: the newest one;
-- what is in force, waits, was in force until lately (people roll back to it) or is pinned; what a DAG, a content of one,
-- a run, a try, an import error or an asset watcher's trigger names; what is being parsed. The caller holds the tenant's
-- lock of bundles. Locks: the rows. Index: bundle_version_recent, deployment_of_bundle.
-- Bound: `batch`. Rows out: (how many went).
WITH picked AS MATERIALIZED (
  SELECT b.id FROM bundle_version b
  WHERE b.tenant_id = (SELECT app.tenant()) AND b.created_at < %(before)s::timestamptz
    AND b.state IN ('parsed', 'failed')
    AND EXISTS (SELECT FROM bundle_version n WHERE n.tenant_id = b.tenant_id AND n.id > b.id)
    AND NOT EXISTS (
      SELECT FROM deployment d WHERE d.tenant_id = b.tenant_id AND d.bundle_version_id = b.id
        AND (d.state IN ('active', 'waiting') OR d.created_at >= %(before)s::timestamptz
             OR d.ended_at >= %(before)s::timestamptz OR d.number = %(pinned)s::int))
    AND NOT EXISTS (SELECT FROM dag g WHERE g.tenant_id = b.tenant_id AND g.bundle_version_id = b.id)
    AND NOT EXISTS (SELECT FROM dag_version v WHERE v.tenant_id = b.tenant_id AND v.bundle_version_id = b.id)
    AND NOT EXISTS (SELECT FROM dag_run r WHERE r.tenant_id = b.tenant_id AND r.bundle_version_id = b.id)
    AND NOT EXISTS (SELECT FROM task_try y WHERE y.tenant_id = b.tenant_id AND y.bundle_version_id = b.id)
    AND NOT EXISTS (SELECT FROM import_error e WHERE e.tenant_id = b.tenant_id AND e.bundle_version_id = b.id)
    AND NOT EXISTS (SELECT FROM trigger t WHERE t.tenant_id = b.tenant_id AND t.bundle_version_id = b.id)
    AND NOT EXISTS (SELECT FROM workload w WHERE w.tenant_id = b.tenant_id AND w.ref = b.id)
    AND NOT EXISTS (SELECT FROM work_item i WHERE i.tenant_id = b.tenant_id AND i.ref = b.id)
  ORDER BY b.id LIMIT %(batch)s::int
), gone AS (
  DELETE FROM bundle_version WHERE tenant_id = (SELECT app.tenant()) AND id IN (SELECT id FROM picked) RETURNING 1
)
SELECT count(*)::int FROM gone
