-- Purpose: how many triggers of the tenant agents hold. Locks: none. Index: workload_uk by tenant. Bound: its live workloads.
-- Rows out: (how many).
SELECT count(*)::int FROM workload
WHERE tenant_id = (SELECT app.tenant()) AND kind = 'trigger' AND agent_id IS NOT NULL
