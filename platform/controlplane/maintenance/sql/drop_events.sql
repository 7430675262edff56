-- Purpose: rows of the event log that a tenant keeps no longer, the oldest first. Locks: the rows. Index: event_log_recent.
-- Bound: `batch`, looked at from the lowest serial on: serials follow time. Rows out: (how many went).
WITH oldest AS (
  SELECT id, "when" FROM event_log WHERE tenant_id = (SELECT app.tenant())
  ORDER BY serial LIMIT %(batch)s::int
), gone AS (
  DELETE FROM event_log WHERE tenant_id = (SELECT app.tenant())
    AND id IN (SELECT id FROM oldest WHERE "when" < %(before)s::timestamptz)
  RETURNING 1
)
SELECT count(*)::int FROM gone
