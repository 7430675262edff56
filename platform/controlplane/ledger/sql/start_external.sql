-- Purpose: a supervisor other than our agent starts an attempt that was dispatched; its workload leaves the
-- queue of agents (claimed by none of them) and it is watched by its own heartbeat. Rows out: (id, epoch).
WITH started AS (
  UPDATE task_instance ti
  SET state = 'running', hostname = %(hostname)s::text, unixname = %(unixname)s::text, pid = %(pid)s::int,
      agent_id = NULL, last_heartbeat_at = %(now)s::timestamptz,
      start_date = CASE WHEN ti.next_method IS NOT NULL THEN ti.start_date ELSE %(now)s::timestamptz END
  WHERE ti.id = %(id)s::uuid AND ti.tenant_id = (SELECT app.tenant()) AND ti.state = 'queued'
  RETURNING ti.id, ti.epoch
), gone AS (
  DELETE FROM workload w USING started s
  WHERE w.tenant_id = (SELECT app.tenant()) AND w.ref = s.id AND w.epoch = s.epoch AND w.kind = 'task'
)
SELECT id, epoch FROM started
