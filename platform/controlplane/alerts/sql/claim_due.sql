-- Purpose: notifications whose time has come, of any tenant, for one sender; a sender that dies lets them go with its
-- lease. Locks: the rows, SKIP LOCKED. Index: notification_due_at. Bound: `batch`.
-- Rows out: (id, tenant_id, notification_id, fence).
UPDATE notification_due d
SET lease_until = clock_timestamp() + make_interval(secs => %(seconds)s::float8), fence = d.fence + 1
WHERE d.id IN (
  SELECT id FROM notification_due
  WHERE due_at <= clock_timestamp() AND (lease_until IS NULL OR lease_until < clock_timestamp())
  ORDER BY due_at LIMIT %(batch)s::int FOR UPDATE SKIP LOCKED)
RETURNING d.id, d.tenant_id, d.notification_id, d.fence
