-- Purpose: tenants whose audit chain moved and whose time has come; nobody else visits them for `seconds`.
-- Locks: the marks, SKIP LOCKED. Index: audit_mark_due. Bound: `batch`.
-- Rows out: (tenant_id, moved).
UPDATE audit_mark m
SET due_at = clock_timestamp() + make_interval(secs => %(seconds)s::float8)
WHERE m.id IN (
  SELECT id FROM audit_mark WHERE due_at <= clock_timestamp()
  ORDER BY due_at LIMIT %(batch)s::int FOR UPDATE SKIP LOCKED)
RETURNING m.tenant_id, m.moved
