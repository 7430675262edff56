-- Purpose: the tenant's reports are looked at again at this instant, or never while it has no schedule that is on.
-- Locks: the tenant's row. Index: report_due_uk. Bound: 1 row. Rows out: none.
WITH wanted AS (
  SELECT EXISTS (SELECT FROM report_schedule WHERE tenant_id = (SELECT app.tenant()) AND is_enabled) AS is_on
), gone AS (
  DELETE FROM report_due WHERE tenant_id = (SELECT app.tenant()) AND NOT (SELECT is_on FROM wanted)
)
INSERT INTO report_due AS d (id, tenant_id, due_at)
SELECT app.uuid7(), (SELECT app.tenant()), %(due_at)s::timestamptz FROM wanted WHERE is_on
ON CONFLICT (tenant_id) DO UPDATE SET due_at = excluded.due_at
