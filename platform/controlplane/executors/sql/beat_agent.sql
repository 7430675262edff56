-- Purpose: renew an agent's lease; note which attempts it has heard of; find those it runs that are not its own
-- any more or must stop; forget claims it does not know (they are then lost, and rescued). Thin ledger only.
-- Locks: the agent, its workloads (SKIP LOCKED: one that is just ending needs nothing). Index: workload_agent.
-- Triggers are compared apart, less often (triggerer/sql/beat_triggers.sql).
-- Rows out: ('alive', NULL, NULL, NULL) first when current, then ('stop', ref, epoch, why).
WITH alive AS (
  UPDATE agent SET lease_until = clock_timestamp() + make_interval(secs => %(seconds)s::float8), usage = %(usage)s::jsonb
  WHERE id = %(id)s::uuid AND epoch = %(epoch)s::int
  RETURNING id, epoch
), held AS (
  SELECT * FROM unnest(%(refs)s::uuid[], %(epochs)s::int[]) AS h(ref, epoch)
), news AS MATERIALIZED (
  SELECT w.id, EXISTS (SELECT FROM held WHERE held.ref = w.ref AND held.epoch = w.epoch) AS named
  FROM workload w, alive
  WHERE w.agent_id = alive.id AND w.agent_epoch = alive.epoch AND w.kind <> 'trigger'
    AND CASE WHEN EXISTS (SELECT FROM held WHERE held.ref = w.ref AND held.epoch = w.epoch)
             THEN w.kind = 'task' AND w.attempts = 0
             ELSE w.claimed_at < clock_timestamp() - make_interval(secs => %(grace)s::float8) END
  FOR UPDATE OF w SKIP LOCKED
), noted AS (
  UPDATE workload w
  SET attempts = CASE WHEN news.named THEN 1 ELSE w.attempts END,
      agent_epoch = CASE WHEN news.named THEN w.agent_epoch ELSE -1 END
  FROM news WHERE w.id = news.id
)
SELECT 'alive', NULL::uuid, NULL::int, NULL::text FROM alive
UNION ALL
SELECT 'stop', h.ref, h.epoch, coalesce(w.stop, 'superseded: this attempt is no longer the agent''s')
FROM alive, held h
LEFT JOIN workload w ON w.ref = h.ref AND w.epoch = h.epoch AND w.agent_id = %(id)s::uuid
WHERE w.id IS NULL OR w.agent_epoch <> %(epoch)s::int OR w.stop IS NOT NULL
