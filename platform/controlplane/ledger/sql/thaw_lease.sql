-- Purpose: the deletion of this tenant was undone: whoever comes first schedules for it again. Again: no change.
-- Locks: the lease row. Rows out: (id), none when it was not frozen.
UPDATE tenant_lease SET holder = NULL, epoch = epoch + 1, lease_until = NULL
WHERE id = %(tenant)s::uuid AND tenant_id = %(tenant)s::uuid AND lease_until = '9999-01-01'
RETURNING id
