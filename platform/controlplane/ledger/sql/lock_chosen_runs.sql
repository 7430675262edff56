-- Purpose: these runs are changed from outside a report: runs come first, before workloads and instances.
-- Locks: the runs in id order. Bound: the ids given. Rows out: (id, dag_id, state, awaited).
SELECT id, dag_id, state, awaited FROM dag_run
WHERE tenant_id = (SELECT app.tenant()) AND id = ANY(%(runs)s::uuid[])
ORDER BY id FOR NO KEY UPDATE
