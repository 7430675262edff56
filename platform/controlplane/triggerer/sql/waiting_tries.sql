-- Purpose: of these triggers, whose task still waits for them. Locks: none. Index: primary keys. Bound: the arrays.
-- Rows out: (id, epoch, try_number); 0 for a trigger of an asset watcher.
SELECT t.id, t.epoch, coalesce(ti.try_number, 0)
FROM unnest(%(ids)s::uuid[], %(epochs)s::int[]) AS i(id, epoch)
JOIN trigger t ON t.id = i.id AND t.epoch = i.epoch AND t.tenant_id = (SELECT app.tenant())
LEFT JOIN task_instance ti ON ti.id = t.task_instance_id AND ti.tenant_id = t.tenant_id
WHERE t.task_instance_id IS NULL OR ti.state = 'deferred' AND ti.epoch = t.epoch
