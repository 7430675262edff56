-- Purpose: how many bytes of logs the tenant keeps, counted just now. Locks: 1 row. Index: storage_held_uk.
-- Bound: 1 row. Rows out: none.
INSERT INTO storage_held (id, tenant_id, kind, bytes, counted_at, count_again_at)
VALUES (app.uuid7(), (SELECT app.tenant()), 'log', %(bytes)s::bigint, %(now)s::timestamptz, %(again)s::timestamptz)
ON CONFLICT (tenant_id, kind) DO UPDATE SET
  bytes = excluded.bytes, counted_at = excluded.counted_at, count_again_at = excluded.count_again_at
