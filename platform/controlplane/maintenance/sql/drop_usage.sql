-- Purpose: usage of single attempts that a tenant keeps no longer; its days and months have it, and stay. What is not
-- counted yet stays as well. Locks: the rows, SKIP LOCKED. Index: attempt_usage by tenant and id: ids begin with their
-- time. Bound: `batch`. Rows out: (how many went).
WITH old AS (
  SELECT id FROM attempt_usage WHERE tenant_id = (SELECT app.tenant()) AND is_counted
    AND ended_at < %(before)s::timestamptz
  ORDER BY id LIMIT %(batch)s::int FOR UPDATE SKIP LOCKED
), gone AS (
  DELETE FROM attempt_usage WHERE tenant_id = (SELECT app.tenant()) AND id IN (SELECT id FROM old) RETURNING 1
)
SELECT count(*)::int FROM gone
