-- Purpose: an agent gives back attempts whose user code never ran: scheduled again, no try spent.
-- Locks: the instances. Bound: the arrays. Rows out: (id, epoch).
WITH back AS (
  UPDATE task_instance ti
  SET state = 'scheduled', agent_id = NULL, hostname = '',
      start_date = CASE WHEN ti.next_method IS NOT NULL THEN ti.start_date END
  FROM unnest(%(ids)s::uuid[], %(epochs)s::int[]) AS i(id, epoch)
  WHERE ti.id = i.id AND ti.epoch = i.epoch AND ti.tenant_id = (SELECT app.tenant()) AND ti.state = 'running'
  RETURNING ti.id, ti.epoch
), gone AS (
  DELETE FROM workload w USING back
  WHERE w.tenant_id = (SELECT app.tenant()) AND w.ref = back.id AND w.epoch = back.epoch AND w.kind = 'task'
), items AS (
  INSERT INTO work_item (tenant_id, kind, ref, due_at)
  SELECT (SELECT app.tenant()), 'admit', NULL, least(%(now)s::timestamptz, clock_timestamp())
  WHERE EXISTS (SELECT 1 FROM back)
)
SELECT id, epoch FROM back
