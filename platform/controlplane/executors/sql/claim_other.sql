-- Purpose: an agent takes work of these kinds of one tenant. Locks: workload rows (SKIP LOCKED).
-- Index: workload_waiting. Rows out: (kind, ref, epoch).
-- A callback that is claimed again has a new epoch: only the newest claim may begin it (begin_callback.sql).
WITH picked AS MATERIALIZED (
  SELECT id FROM workload
  WHERE tenant_id = (SELECT app.tenant()) AND kind = ANY(%(kinds)s::text[]) AND agent_id IS NULL
  ORDER BY kind, id LIMIT %(batch)s::int FOR UPDATE SKIP LOCKED
)
UPDATE workload w
SET agent_id = %(agent)s::uuid, agent_epoch = %(agent_epoch)s::int, claimed_at = %(now)s::timestamptz,
    attempts = w.attempts + 1, epoch = w.epoch + CASE WHEN w.kind = 'callback' AND w.attempts > 0 THEN 1 ELSE 0 END
FROM picked
WHERE w.id = picked.id AND w.tenant_id = (SELECT app.tenant())
RETURNING w.kind, w.ref, w.epoch
