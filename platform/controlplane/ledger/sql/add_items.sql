-- Purpose: something to do for this tenant, now or at an instant. Bound: the arrays.
INSERT INTO work_item (tenant_id, kind, ref, due_at)
SELECT (SELECT app.tenant()), i.kind, i.ref, i.due_at
FROM unnest(%(kinds)s::text[], %(refs)s::uuid[], %(due)s::timestamptz[]) AS i(kind, ref, due_at)
ON CONFLICT (tenant_id, kind, ref) WHERE kind = 'plan' DO UPDATE SET due_at = excluded.due_at
