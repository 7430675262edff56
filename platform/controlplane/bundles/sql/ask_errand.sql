-- Purpose: an errand is due at an instant; one that waits already is due then instead.
-- Locks: the row. Index: errand_uk. Bound: 1 row.
INSERT INTO errand (id, tenant_id, kind, ref, due_at)
VALUES (app.uuid7(), (SELECT app.tenant()), %(kind)s::text, %(ref)s::uuid, %(due_at)s::timestamptz)
ON CONFLICT (tenant_id, kind, ref) DO UPDATE SET due_at = excluded.due_at
