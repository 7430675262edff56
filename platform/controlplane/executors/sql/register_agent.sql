-- Purpose: an agent process registers; a newer one of the same name replaces it. Tenants whose tasks wait for
-- somebody to serve their queue look again now. Rows out: (id, epoch).
WITH queues AS (
  UPDATE work_item SET due_at = clock_timestamp() WHERE kind = 'queue' AND due_at > clock_timestamp()
)
INSERT INTO agent (id, name, epoch, hostname, pid, slots, level, level_detail, queues, lease_until, registered_at, usage)
VALUES (%(id)s::uuid, %(name)s::text, 1, %(hostname)s::text, %(pid)s::int, %(slots)s::int, %(level)s::text,
        %(detail)s::jsonb, %(queues)s::jsonb, clock_timestamp() + make_interval(secs => %(seconds)s::float8),
        clock_timestamp(), '{}')
ON CONFLICT (name) DO UPDATE
SET epoch = agent.epoch + 1, hostname = excluded.hostname, pid = excluded.pid, slots = excluded.slots,
    level = excluded.level, level_detail = excluded.level_detail, queues = excluded.queues,
    lease_until = excluded.lease_until, registered_at = excluded.registered_at
RETURNING id, epoch
