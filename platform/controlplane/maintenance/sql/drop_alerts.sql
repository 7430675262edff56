-- Purpose: alerts that are over, and notifications of no alert, are kept no longer. Locks: the rows.
-- Index: alert_recent, notification_recent: ids begin with their time. Bound: `batch` of each. Rows out: (how many).
WITH old_alerts AS (
  DELETE FROM alert WHERE tenant_id = (SELECT app.tenant()) AND id IN (
    SELECT id FROM alert WHERE tenant_id = (SELECT app.tenant()) AND state = 'resolved'
      AND resolved_at < %(before)s::timestamptz ORDER BY id LIMIT %(batch)s::int FOR UPDATE SKIP LOCKED)
  RETURNING 1
), old_notifications AS (
  DELETE FROM notification WHERE tenant_id = (SELECT app.tenant()) AND id IN (
    SELECT id FROM notification WHERE tenant_id = (SELECT app.tenant()) AND alert_id IS NULL AND state <> 'pending'
      AND created_at < %(before)s::timestamptz ORDER BY id LIMIT %(batch)s::int FOR UPDATE SKIP LOCKED)
  RETURNING 1
)
SELECT (SELECT count(*) FROM old_alerts)::int + (SELECT count(*) FROM old_notifications)::int
