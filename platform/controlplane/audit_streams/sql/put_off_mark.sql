-- Purpose: a visited chain with something left to do, or one that moved meanwhile: visited again at this instant.
-- Locks: the mark. Index: audit_mark_tenant_uk. Bound: one row.
-- Rows out: (id).
UPDATE audit_mark SET due_at = %(due_at)s::timestamp with time zone
WHERE tenant_id = %(tenant_id)s::uuid RETURNING id
