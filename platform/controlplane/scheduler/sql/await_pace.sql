-- Purpose: tasks wait for pools that limit their starts: the admission looks again when the oldest start leaves the
-- last minute. What left it is forgotten. Locks: rows that nobody else touches. Index: pool_start_recent,
-- work_item_tenant. Bound: one item for an instant; the starts that left the minute.
WITH left_it AS (
  DELETE FROM pool_start
  WHERE tenant_id = (SELECT app.tenant()) AND pool = ANY(%(pools)s::text[])
    AND started_at < clock_timestamp() - interval '120 seconds'
)
INSERT INTO work_item (tenant_id, kind, ref, due_at)
SELECT (SELECT app.tenant()), 'admit', NULL, %(next_at)s::timestamptz
WHERE NOT EXISTS (
  SELECT FROM work_item
  WHERE tenant_id = (SELECT app.tenant()) AND kind = 'admit' AND due_at > clock_timestamp()
    AND due_at <= %(next_at)s::timestamptz)
