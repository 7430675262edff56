-- Purpose: the rendered map index of a running attempt. Locks: one row by primary key.
UPDATE task_instance SET rendered_map_index = %(label)s::text
WHERE id = %(id)s::uuid AND epoch = %(epoch)s::int AND tenant_id = (SELECT app.tenant()) AND state = 'running'
