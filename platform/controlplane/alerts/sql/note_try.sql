-- Purpose: a notification was sent, is to be tried again, or is given up; a sender that lost its lease says nothing.
-- Locks: the due row, then the notification, then the channel. Index: primary keys. Bound: 1 row each.
-- Rows out: (notification_id) when it was noted.
WITH mine AS MATERIALIZED (
  SELECT id, notification_id FROM notification_due
  WHERE id = %(due)s::uuid AND fence = %(fence)s::int AND tenant_id = (SELECT app.tenant()) FOR UPDATE
), over AS (
  DELETE FROM notification_due d USING mine
  WHERE d.id = mine.id AND d.tenant_id = (SELECT app.tenant()) AND %(again_at)s::timestamptz IS NULL
), later AS (
  UPDATE notification_due d SET due_at = %(again_at)s::timestamptz, lease_until = NULL FROM mine
  WHERE d.id = mine.id AND d.tenant_id = (SELECT app.tenant()) AND %(again_at)s::timestamptz IS NOT NULL
), noted AS (
  UPDATE notification n SET
    state = %(state)s::text, attempts = n.attempts + 1,
    tries = CASE WHEN jsonb_array_length(n.tries) >= 20 THEN n.tries - 0 ELSE n.tries END || %(try)s::jsonb,
    sent_at = CASE %(state)s::text WHEN 'sent' THEN %(now)s::timestamptz END
  FROM mine WHERE n.id = mine.notification_id AND n.tenant_id = (SELECT app.tenant())
  RETURNING n.id, n.channel_id
), told AS (
  UPDATE alert_channel c SET
    last_sent_at = CASE %(state)s::text WHEN 'sent' THEN %(now)s::timestamptz ELSE c.last_sent_at END,
    last_error = %(error)s::text
  FROM noted WHERE c.id = noted.channel_id AND c.tenant_id = (SELECT app.tenant())
)
SELECT id FROM noted
