-- Purpose: a plan changed: runs that wait for task-hours are looked at now, and tenants with tasks are admitted anew.
-- Thin ledger only. Locks: the items. Index: work_item_due. Bound: waiting DAGs and tenants with workloads.
WITH hastened AS (
  UPDATE work_item SET due_at = clock_timestamp() WHERE kind = 'hours' AND due_at > clock_timestamp()
)
INSERT INTO work_item (tenant_id, kind, ref, due_at)
SELECT DISTINCT tenant_id, 'admit', NULL::uuid, clock_timestamp() FROM workload WHERE kind = 'task'
