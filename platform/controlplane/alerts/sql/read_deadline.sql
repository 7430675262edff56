-- Purpose: a missed deadline, for its callback. Locks: none. Index: primary key. Bound: 1 row.
-- Rows out: (id, kind, number, task_id, due_at, missed_at).
SELECT id, kind, number, task_id, due_at, missed_at FROM deadline
WHERE tenant_id = (SELECT app.tenant()) AND id = %(id)s::uuid
