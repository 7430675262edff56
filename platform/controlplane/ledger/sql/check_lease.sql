-- Purpose: the fence of every scheduler transaction: the lease is still ours, and stays until we commit. A
-- scheduler that freezes in its transaction is disconnected after `idle_seconds`: so it holds nobody up for ever.
-- Locks: the lease row, shared: a taker passes by until our commit; the tenant's rounds, shared, so that nobody
-- changes runs by hand in the middle of one (exclude_rounds.sql). Rows out: (now, by the database), none when lost.
SELECT clock_timestamp(),
       set_config('idle_in_transaction_session_timeout', (%(idle_seconds)s::float8 * 1000)::int::text, true),
       pg_advisory_xact_lock_shared(hashtextextended('rounds:' || %(tenant)s::uuid::text, 0))
FROM tenant_lease l
WHERE l.id = %(tenant)s::uuid AND l.tenant_id = %(tenant)s::uuid AND l.holder = %(holder)s::uuid
  AND l.epoch = %(epoch)s::bigint AND l.lease_until > clock_timestamp()
FOR SHARE
