-- Purpose: the fence of every scheduler transaction: the lease is still ours, and stays until we commit.
-- Locks: the lease row, shared: a taker waits for our commit. Rows out: (now, by the database), none when lost.
SELECT clock_timestamp() FROM tenant_lease l
WHERE l.id = %(tenant)s::uuid AND l.tenant_id = %(tenant)s::uuid AND l.holder = %(holder)s::uuid
  AND l.epoch = %(epoch)s::bigint AND l.lease_until > clock_timestamp()
FOR SHARE
