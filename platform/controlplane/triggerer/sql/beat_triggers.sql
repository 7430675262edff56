-- Purpose: which triggers of an agent must stop (gone: over or its task cleared; moved: another agent has it), and
-- which it holds without knowing of them: their claim never reached it, they are lost. Thin ledger only.
-- Locks: the workloads it does not know of (SKIP LOCKED). Index: workload_agent, workload_uk.
-- Bound: the arrays, and what the agent holds. Rows out: (ref, epoch, gone).
WITH held AS MATERIALIZED (
  SELECT tenant_id, ref, epoch
  FROM unnest(%(tenants)s::uuid[], %(refs)s::uuid[], %(epochs)s::int[]) AS h(tenant_id, ref, epoch)
), known AS MATERIALIZED (
  SELECT h.ref, h.epoch, w.id, w.agent_id, w.agent_epoch FROM held h
  LEFT JOIN workload w ON w.tenant_id = h.tenant_id AND w.ref = h.ref AND w.epoch = h.epoch AND w.kind = 'trigger'
), strange AS MATERIALIZED (
  SELECT w.id FROM workload w
  WHERE w.agent_id = %(agent)s::uuid AND w.agent_epoch = %(agent_epoch)s::int AND w.kind = 'trigger'
    AND w.claimed_at < clock_timestamp() - make_interval(secs => %(grace)s::float8)
    AND w.id <> ALL (SELECT id FROM known WHERE id IS NOT NULL)
  FOR UPDATE OF w SKIP LOCKED
), lost AS (
  UPDATE workload w SET agent_epoch = -1 FROM strange WHERE w.id = strange.id
)
SELECT ref, epoch, id IS NULL FROM known
WHERE id IS NULL OR agent_id IS DISTINCT FROM %(agent)s::uuid OR agent_epoch IS DISTINCT FROM %(agent_epoch)s::int
