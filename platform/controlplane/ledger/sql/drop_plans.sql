-- Purpose: the due plans of these DAGs are being made now. The DAGs' rows are locked before.
-- Locks: work_item rows. Index: work_item_uk. Bound: the DAGs given.
DELETE FROM work_item
WHERE tenant_id = (SELECT app.tenant()) AND kind = 'plan' AND ref = ANY(%(dags)s::uuid[])
  AND due_at <= %(now)s::timestamptz
