-- Purpose: the heartbeat of one attempt, on the host and in the process that started it.
-- Locks: the task instance. Index: primary key. Bound: 1 row; a late epoch or another process moves nothing.
UPDATE task_instance
SET last_heartbeat_at = %(now)s::timestamptz
WHERE tenant_id = (SELECT app.tenant()) AND id = %(id)s::uuid AND epoch = %(epoch)s::int
  AND state IN ('running', 'restarting')
  AND hostname = %(hostname)s::text AND pid = %(pid)s::int
RETURNING id
