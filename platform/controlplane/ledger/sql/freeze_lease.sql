-- Purpose: nobody schedules for this tenant while it is being deleted: its lease is held by nobody, for ever (the
-- year 9999 says so; list_due_tenants.sql passes such tenants by). Again: no change. Locks: the lease row; it waits
-- for the round that goes on. Rows out: (id), none when it was frozen already.
UPDATE tenant_lease SET holder = NULL, epoch = epoch + 1, lease_until = '9999-01-01'
WHERE id = %(tenant)s::uuid AND tenant_id = %(tenant)s::uuid AND lease_until IS DISTINCT FROM '9999-01-01'
RETURNING id
