-- Purpose: tenants whose reports are to be looked at; nobody else looks for `seconds`. One that is not settled (its worker
-- died) comes again then. Locks: the rows, SKIP LOCKED. Index: report_due_at. Bound: `batch`. Rows out: (tenant_id).
-- The pick is a materialized CTE: as a sub-select it may be run once per row, and pick others each time.
WITH picked AS MATERIALIZED (
  SELECT id FROM report_due WHERE due_at <= %(now)s::timestamptz
  ORDER BY due_at LIMIT %(batch)s::int FOR UPDATE SKIP LOCKED
)
UPDATE report_due d SET due_at = %(now)s::timestamptz + make_interval(secs => %(seconds)s::float8)
FROM picked WHERE d.id = picked.id
RETURNING d.tenant_id
