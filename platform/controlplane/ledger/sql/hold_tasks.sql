-- Purpose: say on each scheduled task instance why it waits. Only changed reasons are written.
-- Locks: the instances, SKIP LOCKED: one that is just being skipped needs no reason. Bound: the ids given.
UPDATE task_instance ti SET held_reason = i.reason
FROM unnest(%(ids)s::uuid[], %(reasons)s::text[]) AS i(id, reason)
WHERE ti.id = i.id AND ti.tenant_id = (SELECT app.tenant()) AND ti.state = 'scheduled'
  AND ti.held_reason IS DISTINCT FROM i.reason
  AND ti.id IN (
    SELECT id FROM task_instance
    WHERE id = ANY(%(ids)s::uuid[]) AND tenant_id = (SELECT app.tenant()) AND state = 'scheduled'
    FOR NO KEY UPDATE SKIP LOCKED)
