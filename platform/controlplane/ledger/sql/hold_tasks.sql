-- Purpose: say on each scheduled task instance why it waits. Only changed reasons are written.
-- Locks: the instances. Bound: the ids given.
UPDATE task_instance ti SET held_reason = i.reason
FROM unnest(%(ids)s::uuid[], %(reasons)s::text[]) AS i(id, reason)
WHERE ti.id = i.id AND ti.tenant_id = (SELECT app.tenant()) AND ti.state = 'scheduled'
  AND ti.held_reason IS DISTINCT FROM i.reason
