-- Purpose: how long supervisors may be silent was changed: each watched task is looked at now. Locks: the items.
-- Index: work_item_tenant. Bound: one item per task that a supervisor other than our agents runs.
UPDATE work_item SET due_at = clock_timestamp()
WHERE tenant_id = (SELECT app.tenant()) AND kind = 'silent' AND due_at > clock_timestamp()
