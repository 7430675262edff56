-- Purpose: an agent takes parse or build work of one tenant. Locks: workload rows (SKIP LOCKED).
-- Index: workload_waiting. Rows out: (kind, ref, epoch).
WITH picked AS MATERIALIZED (
  SELECT id FROM workload
  WHERE tenant_id = (SELECT app.tenant()) AND kind IN ('parse', 'build') AND agent_id IS NULL
  ORDER BY kind, id LIMIT %(batch)s::int FOR UPDATE SKIP LOCKED
)
UPDATE workload w
SET agent_id = %(agent)s::uuid, agent_epoch = %(agent_epoch)s::int, claimed_at = %(now)s::timestamptz,
    attempts = w.attempts + 1
FROM picked
WHERE w.id = picked.id AND w.tenant_id = (SELECT app.tenant())
RETURNING w.kind, w.ref, w.epoch
