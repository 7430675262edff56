-- Purpose: runs are forgotten with all that belongs to them; what is still to be done for them is not done.
-- Attempts that run are no longer their agents' own, so these stop them. Before: exclude_rounds.sql,
-- lock_chosen_runs.sql; the caller has looked that none is running.
-- Tasks of later runs that waited for their past here ask again.
-- Locks: the runs. Index: task_instance_place; workload_uk; work_item_tenant. Bound: the instances of the runs.
-- Rows out: (run).
WITH mine AS MATERIALIZED (
  SELECT ti.id FROM unnest(%(runs)s::uuid[]) AS r(id)
  JOIN task_instance ti ON ti.tenant_id = (SELECT app.tenant()) AND ti.dag_run_id = r.id
), given_up AS (
  DELETE FROM workload w USING mine
  WHERE w.tenant_id = (SELECT app.tenant()) AND w.ref = mine.id AND w.kind IN ('task', 'trigger')
), forgotten AS (
  DELETE FROM work_item i
  WHERE i.tenant_id = (SELECT app.tenant())
    AND (i.ref = ANY(%(runs)s::uuid[]) OR (i.ref IN (SELECT id FROM mine)) IS TRUE)
), past AS (
  INSERT INTO work_item (tenant_id, kind, ref, due_at)
  SELECT (SELECT app.tenant()), 'past', r.id, clock_timestamp() FROM dag_run r
  WHERE r.tenant_id = (SELECT app.tenant()) AND r.id = ANY(%(runs)s::uuid[]) AND r.awaited
)
DELETE FROM dag_run r WHERE r.tenant_id = (SELECT app.tenant()) AND r.id = ANY(%(runs)s::uuid[])
RETURNING r.id
