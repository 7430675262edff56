-- Purpose: which tenants have work that is due, and when the next work is due. Thin ledger, all tenants.
-- Locks: none. Index: work_item_due, which clock_timestamp() could not use (it is volatile); run in autocommit.
-- Tenants that are being deleted (freeze_lease.sql) are passed by, so that they hold nobody up.
-- Bound: `batch` tenants; an idle tenant costs nothing.
-- Rows out: (tenant_id, NULL), then at most one (NULL, seconds until the next is due): no row when nothing is.
-- An aggregate would give a row even then, and greatest() passes over NULL: "look again in 0 seconds", for ever.
(SELECT DISTINCT tenant_id, NULL::float8 FROM (
  SELECT tenant_id FROM work_item WHERE due_at <= statement_timestamp()
    AND NOT EXISTS (SELECT FROM tenant_lease l WHERE l.id = work_item.tenant_id AND l.lease_until = '9999-01-01')
  ORDER BY due_at LIMIT %(batch)s::int * 20
) due LIMIT %(batch)s::int)
UNION ALL
(SELECT NULL, greatest(extract(epoch FROM due_at - statement_timestamp()), 0)::float8
 FROM work_item WHERE due_at > statement_timestamp() ORDER BY due_at LIMIT 1)
