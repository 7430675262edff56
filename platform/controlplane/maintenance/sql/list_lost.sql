-- Purpose: claimed workloads whose agent is gone (lease over, by the database's clock) or was replaced by a
-- newer process of the same name. Thin ledger, all tenants. Locks: none. Index: workload_agent.
-- Rows out: (tenant_id, kind, ref, epoch, attempts, reason).
SELECT w.tenant_id, w.kind, w.ref, w.epoch, w.attempts,
       CASE WHEN a.id IS NULL THEN 'the agent is unknown'
            WHEN w.agent_epoch <> a.epoch THEN 'agent ' || a.name || ' was restarted'
            ELSE 'agent ' || a.name || ' has been silent since ' || to_char(a.lease_until, 'HH24:MI:SS') END
FROM workload w LEFT JOIN agent a ON a.id = w.agent_id
WHERE w.agent_id IS NOT NULL
  AND (a.id IS NULL OR w.agent_epoch <> a.epoch OR a.lease_until < clock_timestamp())
LIMIT 1000
