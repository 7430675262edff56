-- Purpose: a mapped task instance that cannot expand ends: skipped (length 0) or failed (bad input).
-- Locks: the instance. Bound: one row. Rows out: (id).
UPDATE task_instance ti
SET state = %(state)s::text, start_date = %(now)s::timestamptz, end_date = %(now)s::timestamptz,
    note = %(note)s::text
WHERE ti.id = %(id)s::uuid AND ti.tenant_id = (SELECT app.tenant()) AND ti.state IS NULL AND ti.map_index = -1
RETURNING ti.id
