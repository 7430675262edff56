-- Purpose: whether a rule's next look is planned already (it was changed meanwhile). Locks: none.
-- Index: work_item_tenant. Bound: the tenant's items. Rows out: (1) if it is.
SELECT 1 FROM work_item
WHERE tenant_id = (SELECT app.tenant()) AND kind = 'alert_absent' AND ref = %(rule)s::uuid LIMIT 1
