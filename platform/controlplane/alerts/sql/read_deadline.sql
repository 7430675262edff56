-- Purpose: a missed deadline, for its callback. Locks: none. Index: primary key. Bound: 1 row.
-- Rows out: (id, number, due_at, missed_at).
SELECT id, number, due_at, missed_at FROM deadline
WHERE tenant_id = (SELECT app.tenant()) AND id = %(id)s::uuid
