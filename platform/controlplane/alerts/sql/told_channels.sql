-- Purpose: which channels were told of an alert: they hear that it is over. Locks: none. Index: notification_alert.
-- Bound: 100 channels. Rows out: (channel_id).
SELECT DISTINCT channel_id FROM notification
WHERE tenant_id = (SELECT app.tenant()) AND alert_id = %(alert)s::uuid AND kind <> 'resolved' LIMIT 100
