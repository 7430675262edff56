-- Purpose: what watches the active assets that DAGs wait for which are neither paused nor stale. Locks: none.
-- Index: asset_reference_asset, primary keys. Bound: the tenant's references with watchers.
-- Rows out: (asset id, name, uri, watchers, bundle version id), the newest bundle last.
SELECT a.id, a.name, a.uri, r.watchers, d.bundle_version_id
FROM asset_reference r
JOIN dag d ON d.tenant_id = (SELECT app.tenant()) AND d.id = r.dag_row_id AND NOT d.is_paused AND NOT d.is_stale
JOIN asset a ON a.tenant_id = (SELECT app.tenant()) AND a.id = r.asset_id AND a.is_active
WHERE r.tenant_id = (SELECT app.tenant()) AND r.kind = 'schedule' AND r.watchers IS NOT NULL
  AND d.bundle_version_id IS NOT NULL
ORDER BY d.bundle_version_id
