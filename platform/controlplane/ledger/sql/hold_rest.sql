-- Purpose: scheduled task instances that were passed over unseen hear what they wait for: a full pool or run, or
-- the tenant's quota (both NULL). Only those that were told nothing yet are written.
-- Locks: the instances, SKIP LOCKED: the next look tells them. Index: task_instance_ready.
-- Bound: the tenant's scheduled instances, each written once.
WITH open AS MATERIALIZED (
  SELECT id, pool, dag_run_id FROM task_instance
  WHERE tenant_id = (SELECT app.tenant()) AND state = 'scheduled' AND held_reason IS NULL
  ORDER BY id FOR NO KEY UPDATE SKIP LOCKED
), said AS (
  SELECT DISTINCT ON (open.id) open.id, f.reason
  FROM open
  JOIN unnest(%(pools)s::text[], %(runs)s::uuid[], %(reasons)s::text[]) AS f(pool, run, reason)
    ON (f.pool IS NULL OR f.pool = open.pool) AND (f.run IS NULL OR f.run = open.dag_run_id)
  ORDER BY open.id, f.run NULLS LAST, f.pool NULLS LAST
)
UPDATE task_instance ti SET held_reason = said.reason
FROM said
WHERE ti.id = said.id AND ti.tenant_id = (SELECT app.tenant()) AND ti.state = 'scheduled' AND ti.held_reason IS NULL
