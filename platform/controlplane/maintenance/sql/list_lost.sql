-- Purpose: claimed workloads whose agent is gone (lease over, by the database's clock), was replaced by a newer
-- process of the same name, or lives and does not know of them (beat_agent.sql). Thin ledger: of all tenants,
-- or of one, again, in the transaction that rescues. Locks: none. Index: workload_agent. Bound: 1000.
-- Rows out: (tenant_id, kind, ref, epoch, attempts, never heard of, reason).
SELECT w.tenant_id, w.kind, w.ref, w.epoch, w.attempts,
       w.kind = 'task' AND w.agent_epoch = -1 AND w.attempts = 0,
       CASE WHEN a.id IS NULL THEN 'the agent is unknown'
            WHEN w.agent_epoch = -1 THEN 'agent ' || a.name || ' does not know of it'
            WHEN w.agent_epoch <> a.epoch THEN 'agent ' || a.name || ' was restarted'
            ELSE 'agent ' || a.name || ' has been silent since ' || to_char(a.lease_until, 'HH24:MI:SS') END
FROM workload w LEFT JOIN agent a ON a.id = w.agent_id
WHERE w.agent_id IS NOT NULL
  AND (a.id IS NULL OR w.agent_epoch <> a.epoch OR a.lease_until < clock_timestamp())
  AND (%(tenant)s::uuid IS NULL OR w.tenant_id = %(tenant)s::uuid)
ORDER BY w.tenant_id, w.id
LIMIT 1000
