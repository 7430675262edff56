-- Purpose: attempts that were refused what they said did run: their claims are not handed back (agents' beats
-- say the same of all that they name). Locks: workload rows. Index: workload_uk. Bound: the arrays.
UPDATE workload w SET attempts = 1
FROM unnest(%(ids)s::uuid[], %(epochs)s::int[]) AS i(id, epoch)
WHERE w.tenant_id = (SELECT app.tenant()) AND w.kind = 'task' AND w.ref = i.id AND w.epoch = i.epoch
  AND w.attempts = 0 AND w.agent_id IS NOT NULL
