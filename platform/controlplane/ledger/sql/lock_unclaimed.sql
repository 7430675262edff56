-- Purpose: of these task instances, the workloads that nobody has claimed are ours now. One that is just being
-- claimed is passed by: its instance, locked next, will be running.
-- Locks: workload rows (SKIP LOCKED), before their instances, as claims do. Index: workload_uk.
-- Bound: the ids given. Rows out: (id).
SELECT w.id FROM workload w
WHERE w.tenant_id = (SELECT app.tenant()) AND w.ref = ANY(%(ids)s::uuid[]) AND w.kind IN ('task', 'trigger')
  AND w.agent_id IS NULL
FOR UPDATE SKIP LOCKED
