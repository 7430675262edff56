-- Purpose: values that tasks kept and whose time is over. Locks: the rows, SKIP LOCKED: one that is written just now
-- is looked at again. Index: task_state_expiry. Bound: `batch` rows. Rows out: (how many went).
WITH over AS MATERIALIZED (
  SELECT id FROM task_state
  WHERE tenant_id = (SELECT app.tenant()) AND expires_at < %(now)s::timestamptz
  ORDER BY expires_at LIMIT %(batch)s::int FOR UPDATE SKIP LOCKED
), gone AS (
  DELETE FROM task_state s USING over
  WHERE s.id = over.id AND s.tenant_id = (SELECT app.tenant())
  RETURNING s.id
)
SELECT count(*)::int FROM gone
