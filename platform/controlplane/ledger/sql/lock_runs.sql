-- Purpose: before branches skip tasks of their runs: the scheduler is not in the middle of propagating there.
-- Locks: the runs of these instances in id order, after the instances. Bound: the ids given.
SELECT id FROM dag_run
WHERE tenant_id = (SELECT app.tenant()) AND id IN (
  SELECT dag_run_id FROM task_instance WHERE tenant_id = (SELECT app.tenant()) AND id = ANY(%(ids)s::uuid[]))
ORDER BY id FOR NO KEY UPDATE
