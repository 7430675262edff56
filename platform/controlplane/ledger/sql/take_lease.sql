-- Purpose: hold a tenant's lease: renew one's own, or take one that has lapsed (epoch rises). Database clock.
-- Locks: the tenant's lease row, SKIP LOCKED: a holder that is still in a transaction (check_lease.sql) keeps
-- it, and nobody waits for him, for he may be frozen. Rows out: (epoch), none while another holds it.
UPDATE tenant_lease l
SET epoch = l.epoch + CASE WHEN l.holder IS DISTINCT FROM %(holder)s::uuid THEN 1 ELSE 0 END,
    holder = %(holder)s::uuid, lease_until = clock_timestamp() + make_interval(secs => %(seconds)s::float8)
FROM (
  SELECT id FROM tenant_lease WHERE id = %(tenant)s::uuid AND tenant_id = %(tenant)s::uuid
  FOR NO KEY UPDATE SKIP LOCKED
) free
WHERE l.id = free.id AND l.tenant_id = %(tenant)s::uuid
  AND (l.holder = %(holder)s::uuid OR l.lease_until IS NULL OR l.lease_until < clock_timestamp())
RETURNING l.epoch
