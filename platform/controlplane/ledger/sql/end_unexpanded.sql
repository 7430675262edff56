-- Purpose: mapped task instances that cannot expand end: skipped (length 0), upstream_failed (nothing to map over)
-- or failed (too many). Locks: the instances. Bound: the ids given. Rows out: (id).
UPDATE task_instance ti
SET state = s.state, start_date = %(now)s::timestamptz, end_date = %(now)s::timestamptz, note = s.note
FROM unnest(%(ids)s::uuid[], %(states)s::text[], %(notes)s::text[]) AS s(id, state, note)
WHERE ti.id = s.id AND ti.tenant_id = (SELECT app.tenant()) AND ti.state IS NULL AND ti.map_index = -1
RETURNING ti.id
