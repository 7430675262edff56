-- Purpose: the tenant's asset watchers are looked at, when one of these DAGs has or may have had some. Locks: none.
-- Index: asset_reference_uk, asset_watcher_uk. Bound: the array. Rows out: one when they are.
INSERT INTO work_item (tenant_id, kind, ref, due_at)
SELECT (SELECT app.tenant()), 'watchers', NULL, least(%(now)s::timestamptz, clock_timestamp())
WHERE EXISTS (SELECT FROM asset_reference r
              WHERE r.tenant_id = (SELECT app.tenant()) AND r.dag_id = ANY(%(dag_ids)s::text[])
                AND r.watchers IS NOT NULL)
   OR EXISTS (SELECT FROM asset_watcher w WHERE w.tenant_id = (SELECT app.tenant()))
RETURNING id
