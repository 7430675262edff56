-- Purpose: attempts stay as they are until what they reported is written: who moves them meanwhile waits.
-- Locks: the instances in id order. Index: primary key. Bound: the ids given.
SELECT id FROM task_instance
WHERE tenant_id = (SELECT app.tenant()) AND id = ANY(%(ids)s::uuid[])
ORDER BY id FOR NO KEY UPDATE
