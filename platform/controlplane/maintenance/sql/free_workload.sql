-- Purpose: lost parse or build work may be claimed again. Locks: one row.
UPDATE workload SET agent_id = NULL, agent_epoch = NULL, claimed_at = NULL
WHERE tenant_id = (SELECT app.tenant()) AND kind = %(kind)s::text AND ref = %(ref)s::uuid AND epoch = %(epoch)s::int
