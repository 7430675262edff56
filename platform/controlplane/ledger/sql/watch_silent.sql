-- Purpose: attempts that supervisors other than our agents run, and whose heartbeat was to be looked at by now:
-- those that were heard of since are looked at again, the others are lost (their epochs are returned).
-- Locks: none; who loses them compares epochs. Index: primary key. Bound: the ids.
-- Rows out: (id, epoch, seconds of silence).
WITH watched AS MATERIALIZED (
  SELECT ti.id, ti.epoch, ti.last_heartbeat_at + %(patience)s::float8 * interval '1 second' AS until
  FROM task_instance ti
  WHERE ti.tenant_id = (SELECT app.tenant()) AND ti.id = ANY(%(ids)s::uuid[])
    AND ti.state IN ('running', 'restarting') AND ti.agent_id IS NULL
), again AS (
  INSERT INTO work_item (tenant_id, kind, ref, due_at)
  SELECT (SELECT app.tenant()), 'silent', id, until FROM watched WHERE until > %(now)s::timestamptz
)
SELECT id, epoch, %(patience)s::float8 + extract(epoch FROM %(now)s::timestamptz - until)::float8
FROM watched WHERE until <= %(now)s::timestamptz
