-- Purpose: which tenants have unclaimed workloads, and how much of theirs runs. Thin ledger, all tenants.
-- Locks: none. Bound: live workloads. Rows out: (tenant_id, kind, waiting, active).
SELECT tenant_id, CASE WHEN kind IN ('task', 'callback', 'trigger') THEN kind WHEN kind = 'conn_test' THEN 'callback'
                       ELSE 'other' END AS work,
       count(*) FILTER (WHERE agent_id IS NULL)::int AS waiting,
       count(*) FILTER (WHERE agent_id IS NOT NULL)::int AS active
FROM workload
GROUP BY 1, 2
HAVING count(*) FILTER (WHERE agent_id IS NULL) > 0
