-- Purpose: somebody goes on these errands; if they do not come back within `seconds`, others may go.
-- Locks: the rows, SKIP LOCKED. Index: errand_due. Bound: `batch`.
-- Rows out: (errand, tenant, kind, ref, due_at) of those taken.
-- The pick is a materialized CTE: as a sub-select it may be run once per row, and pick others each time.
WITH picked AS MATERIALIZED (
  SELECT id FROM errand
  WHERE due_at <= %(now)s::timestamptz AND (claimed_until IS NULL OR claimed_until < %(now)s::timestamptz)
  ORDER BY due_at LIMIT %(batch)s::int FOR UPDATE SKIP LOCKED
)
UPDATE errand e SET claimed_until = %(now)s::timestamptz + make_interval(secs => %(seconds)s::float8)
FROM picked WHERE e.id = picked.id
RETURNING e.id, e.tenant_id, e.kind, e.ref, e.due_at
