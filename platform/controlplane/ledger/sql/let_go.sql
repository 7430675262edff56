-- Purpose: attempts that were told to stop have ended, or are lost with their agent: nobody runs them any more,
-- and an instance that was waiting for that (`restarting`) may begin anew.
-- Locks: their workloads. Index: workload_uk. Bound: the arrays; one that was not told to stop stays.
-- Rows out: (instance, epoch, why it was told to stop).
WITH gone AS (
  DELETE FROM workload w USING unnest(%(ids)s::uuid[], %(epochs)s::int[]) AS i(id, epoch)
  WHERE w.tenant_id = (SELECT app.tenant()) AND w.kind = 'task' AND w.ref = i.id AND w.epoch = i.epoch
    AND w.stop IS NOT NULL
  RETURNING w.ref, w.epoch, w.stop, w.claimed_at
), metered AS (
  INSERT INTO attempt_usage (id, tenant_id, kind, task_instance_id, epoch, dag_id, run_id, task_id, map_index,
    try_number, started_at, ended_at, task_us)
  SELECT app.uuid7(), (SELECT app.tenant()), 'held', ti.id, g.epoch, ti.dag_id, ti.run_id, ti.task_id, ti.map_index,
    ti.try_number, g.claimed_at, greatest(statement_timestamp(), g.claimed_at), greatest((extract(epoch FROM statement_timestamp() - g.claimed_at) * 1000000)::bigint, 0)
  FROM gone g JOIN task_instance ti ON ti.id = g.ref AND ti.tenant_id = (SELECT app.tenant())
  WHERE g.claimed_at IS NOT NULL
), items AS (
  INSERT INTO work_item (tenant_id, kind, ref, due_at)
  SELECT (SELECT app.tenant()), 'revive', ti.dag_run_id, least(%(now)s::timestamptz, clock_timestamp())
  FROM gone JOIN task_instance ti ON ti.id = gone.ref AND ti.tenant_id = (SELECT app.tenant())
  WHERE ti.state = 'restarting'
)
SELECT ref, epoch, stop FROM gone
