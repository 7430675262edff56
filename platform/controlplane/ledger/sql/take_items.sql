-- Purpose: take this tenant's due work; it is deleted in the transaction that does it.
-- Locks: work_item rows, SKIP LOCKED. Index: work_item_tenant. Bound: `batch`. Rows out: (kind, ref).
DELETE FROM work_item w
WHERE w.id IN (
  SELECT id FROM work_item
  WHERE tenant_id = %(tenant)s::uuid AND due_at <= %(now)s::timestamptz
  ORDER BY due_at LIMIT %(batch)s::int FOR UPDATE SKIP LOCKED
) AND w.tenant_id = %(tenant)s::uuid
RETURNING w.kind, w.ref
