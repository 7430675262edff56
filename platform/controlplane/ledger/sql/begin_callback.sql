-- Purpose: the agent that has claimed a callback is about to run the author's code. Said before, never after.
-- Locks: the workload, then the callback. Index: workload_uk, primary key. Bound: 1 row.
-- A late claim moves nothing; the same claim may say it twice. Rows out: (id).
WITH held AS MATERIALIZED (
  SELECT w.ref FROM workload w
  WHERE w.tenant_id = (SELECT app.tenant()) AND w.kind = 'callback' AND w.ref = %(id)s::uuid
    AND w.epoch = %(epoch)s::int AND w.agent_id IS NOT NULL
  FOR UPDATE OF w
)
UPDATE callback c
SET state = 'running', fence = %(epoch)s::int, begun_at = coalesce(c.begun_at, %(now)s::timestamptz)
FROM held
WHERE c.id = held.ref AND c.tenant_id = (SELECT app.tenant())
  AND (c.state = 'pending' OR c.state = 'running' AND c.fence = %(epoch)s::int)
RETURNING c.id
