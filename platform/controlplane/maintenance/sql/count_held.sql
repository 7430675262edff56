-- Purpose: how many bytes of XComs the tenant keeps, where it may keep so many only: counted once a minute at most, and
-- the rarer the longer it takes. `anyway`: at once, for some were deleted. Locks: 1 row. Index: xcom's by tenant, storage_held_uk.
-- Bound: the tenant's XComs; their values are not read. Rows out: none.
INSERT INTO storage_held (id, tenant_id, kind, bytes, counted_at, count_again_at)
SELECT app.uuid7(), (SELECT app.tenant()), 'xcom', s.bytes, %(now)s::timestamptz,
       %(now)s::timestamptz + greatest(interval '1 minute', 300 * (clock_timestamp() - statement_timestamp()))
FROM (
  SELECT b.tenant_id FROM app.tenant_bound b
  WHERE b.tenant_id = (SELECT app.tenant())
    AND least((b.given ->> 'xcom_bytes')::float8, (b.own ->> 'xcom_bytes')::float8) IS NOT NULL
    AND (%(anyway)s::bool OR NOT EXISTS (
      SELECT FROM storage_held h
      WHERE h.tenant_id = b.tenant_id AND h.kind = 'xcom' AND h.count_again_at > %(now)s::timestamptz))
  OFFSET 0
) bound
CROSS JOIN LATERAL (
  SELECT coalesce(sum(x.bytes), 0)::bigint AS bytes FROM xcom x WHERE x.tenant_id = bound.tenant_id OFFSET 0
) s
ON CONFLICT (tenant_id, kind) DO UPDATE SET
  bytes = excluded.bytes, counted_at = excluded.counted_at, count_again_at = excluded.count_again_at
