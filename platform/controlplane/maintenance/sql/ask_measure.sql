-- Purpose: somebody measures what the tenant stores, once a day from now on, and counts its logs where it may keep so
-- many only and that was not done of late, unless somebody does. Locks: none.
-- Index: errand_uk, storage_held_uk. Bound: 2 rows. Rows out: (errand) of each that is new.
INSERT INTO errand (id, tenant_id, kind, ref, due_at)
SELECT app.uuid7(), (SELECT app.tenant()), k.kind, (SELECT app.tenant()), %(now)s::timestamptz
FROM (
  SELECT 'measure' AS kind
  UNION ALL
  SELECT 'count_logs' FROM app.tenant_bound b
  WHERE b.tenant_id = (SELECT app.tenant())
    AND least((b.given ->> 'log_storage_bytes')::float8, (b.own ->> 'log_storage_bytes')::float8) IS NOT NULL
    AND NOT EXISTS (
      SELECT FROM storage_held h
      WHERE h.tenant_id = b.tenant_id AND h.kind = 'log' AND h.count_again_at > %(now)s::timestamptz)
) k
WHERE NOT EXISTS (
  SELECT FROM errand e
  WHERE e.tenant_id = (SELECT app.tenant()) AND e.kind = k.kind AND e.ref = (SELECT app.tenant()))
ON CONFLICT (tenant_id, kind, ref) DO NOTHING
RETURNING id
