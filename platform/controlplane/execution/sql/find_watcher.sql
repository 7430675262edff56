-- Purpose: the trigger of an asset watcher behind a token. Locks: none. Index: primary key. Bound: 1 row.
SELECT id FROM trigger
WHERE tenant_id = (SELECT app.tenant()) AND id = %(id)s::uuid AND epoch = %(epoch)s::int
  AND task_instance_id IS NULL
