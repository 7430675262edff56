-- Purpose: one message to several channels, to be sent at once. Locks: none. Index: none. Bound: the channels given.
-- Rows out: (id) of the notifications.
WITH made AS (
  INSERT INTO notification (id, tenant_id, alert_id, channel_id, kind, message, tries, created_at)
  SELECT app.uuid7(), (SELECT app.tenant()), %(alert)s::uuid, c.id, %(kind)s::text, %(message)s::jsonb, '[]',
         %(now)s::timestamptz
  FROM unnest(%(channels)s::uuid[]) AS c(id)
  RETURNING id
), due AS (
  INSERT INTO notification_due (id, tenant_id, notification_id, due_at)
  SELECT app.uuid7(), (SELECT app.tenant()), id, least(%(now)s::timestamptz, clock_timestamp()) FROM made
)
SELECT id FROM made
