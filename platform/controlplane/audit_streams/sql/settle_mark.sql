-- Purpose: a visited chain: with nothing left to do its mark goes, unless the chain moved meanwhile.
-- Locks: the mark. Index: audit_mark_tenant_uk. Bound: one row.
-- Rows out: (id) of the mark that is gone.
DELETE FROM audit_mark WHERE tenant_id = %(tenant_id)s::uuid AND moved = %(moved)s::bigint RETURNING id
