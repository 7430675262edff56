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
  RETURNING w.ref, w.epoch, w.kind, w.claimed_at
), metered AS (
  INSERT INTO attempt_usage (id, tenant_id, kind, task_instance_id, epoch, dag_id, run_id, task_id, map_index,
    try_number, started_at, ended_at, task_us)
  SELECT app.uuid7(), (SELECT app.tenant()), 'held', ti.id, g.epoch, ti.dag_id, ti.run_id, ti.task_id, ti.map_index,
    ti.try_number, g.claimed_at, greatest(statement_timestamp(), g.claimed_at), greatest((extract(epoch FROM statement_timestamp() - g.claimed_at) * 1000000)::bigint, 0)
  FROM given_up g JOIN task_instance ti ON ti.id = g.ref AND ti.tenant_id = (SELECT app.tenant())
  WHERE g.kind = 'task' AND g.claimed_at IS NOT NULL
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
