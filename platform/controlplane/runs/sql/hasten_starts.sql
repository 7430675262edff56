-- Purpose: runs of this tenant that wait for next month's task-hours are looked at now. Locks: the items.
-- Index: work_item_tenant. Bound: one item per DAG.
UPDATE work_item SET due_at = clock_timestamp()
WHERE tenant_id = (SELECT app.tenant()) AND kind = 'hours' AND due_at > clock_timestamp()
