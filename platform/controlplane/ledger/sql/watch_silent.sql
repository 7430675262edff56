-- Purpose: attempts that supervisors other than our agents run, and whose heartbeat was to be looked at by now:
-- those that were heard of since are looked at again, the others are lost (their epochs are returned). The tenant may
-- have a patience of its own (`heartbeat_timeout_seconds`).
-- Locks: none; who loses them compares epochs. Index: primary key. Bound: the ids.
-- Rows out: (id, epoch, seconds of silence).
WITH patience AS MATERIALIZED (
  SELECT coalesce(
    (SELECT (t.settings ->> 'heartbeat_timeout_seconds')::float8 FROM tenant t WHERE t.id = (SELECT app.tenant())),
    %(patience)s::float8) AS seconds
), watched AS MATERIALIZED (
  SELECT ti.id, ti.epoch, ti.last_heartbeat_at + p.seconds * interval '1 second' AS until
  FROM task_instance ti CROSS JOIN patience p
  WHERE ti.tenant_id = (SELECT app.tenant()) AND ti.id = ANY(%(ids)s::uuid[])
    AND ti.state IN ('running', 'restarting') AND ti.agent_id IS NULL
), again AS (
  INSERT INTO work_item (tenant_id, kind, ref, due_at)
  SELECT (SELECT app.tenant()), 'silent', id, until FROM watched WHERE until > %(now)s::timestamptz
)
SELECT id, epoch, (SELECT seconds FROM patience) + extract(epoch FROM %(now)s::timestamptz - until)::float8
FROM watched WHERE until <= %(now)s::timestamptz
