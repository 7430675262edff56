-- Purpose: triggers whose agent lets go of them, or is gone, may be claimed again. Locks: the workload rows.
-- Index: workload_uk. Bound: the arrays. Rows out: (ref).
UPDATE workload w SET agent_id = NULL, agent_epoch = NULL, claimed_at = NULL
FROM unnest(%(ids)s::uuid[], %(epochs)s::int[]) AS i(id, epoch)
WHERE w.tenant_id = (SELECT app.tenant()) AND w.kind = 'trigger' AND w.ref = i.id AND w.epoch = i.epoch
RETURNING w.ref
