-- Purpose: queued events that are taken, or that nobody waits for any more. Locks: the rows. Bound: the array.
DELETE FROM asset_queue WHERE tenant_id = (SELECT app.tenant()) AND id = ANY(%(queued)s::uuid[])
