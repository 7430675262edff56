-- Purpose: how a callback ended, in the word of the claim that began it (or, unbegun, that holds it).
-- A callback that counts as lost gets its true end when that is heard late. Locks: the workload, then the callback.
-- Index: workload_uk, primary key. Bound: 1 row. Rows out: (id).
WITH held AS MATERIALIZED (
  SELECT w.id FROM workload w
  WHERE w.tenant_id = (SELECT app.tenant()) AND w.kind = 'callback' AND w.ref = %(id)s::uuid
    AND w.epoch = %(epoch)s::int AND w.agent_id IS NOT NULL
  FOR UPDATE OF w
), done AS (
  UPDATE callback c
  SET state = %(state)s::text, fence = %(epoch)s::int, message = %(message)s::text, done_at = %(now)s::timestamptz
  WHERE c.id = %(id)s::uuid AND c.tenant_id = (SELECT app.tenant())
    AND (c.state IN ('running', 'lost') AND c.fence = %(epoch)s::int
         OR c.state = 'pending' AND EXISTS (SELECT FROM held))
  RETURNING c.id
), gone AS (
  DELETE FROM workload w USING held, done WHERE w.id = held.id AND w.tenant_id = (SELECT app.tenant())
)
SELECT id FROM done
