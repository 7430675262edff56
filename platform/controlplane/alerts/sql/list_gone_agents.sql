-- Purpose: agents that stopped answering a while ago and not long ago, for operators. Locks: none. Index: a small table
-- is read whole. Bound: 100 rows. Rows out: (name).
SELECT name FROM agent
WHERE lease_until < clock_timestamp() - interval '30 seconds' AND lease_until > %(since)s::timestamptz
ORDER BY name LIMIT 100
