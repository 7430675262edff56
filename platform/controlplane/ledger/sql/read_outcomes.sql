-- Purpose: what the ledger holds of attempts that could not be moved, to answer their reporters.
-- Locks: none. Rows out: (id, epoch asked for, epoch now, state now, state of the asked epoch's stored try or NULL,
-- whether its process died, why its agent is to stop it).
SELECT ti.id, i.epoch, ti.epoch, ti.state, tt.state, ti.died IS NOT NULL,
  (SELECT w.stop FROM workload w
   WHERE w.tenant_id = ti.tenant_id AND w.kind = 'task' AND w.ref = i.id AND w.epoch = i.epoch)
FROM unnest(%(ids)s::uuid[], %(epochs)s::int[]) AS i(id, epoch)
JOIN task_instance ti ON ti.id = i.id AND ti.tenant_id = (SELECT app.tenant())
LEFT JOIN task_try tt ON tt.tenant_id = ti.tenant_id AND tt.task_instance_id = ti.id AND tt.epoch = i.epoch
