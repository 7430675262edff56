-- Purpose: a tenant's retention was set: prune now, and daily from then on. Locks: 1 row. Index: errand_uk. Bound: 1 row.
INSERT INTO errand (id, tenant_id, kind, ref, due_at)
SELECT app.uuid7(), (SELECT app.tenant()), 'prune', %(tenant)s::uuid, least(%(now)s::timestamptz, clock_timestamp())
ON CONFLICT (tenant_id, kind, ref) DO UPDATE SET due_at = excluded.due_at
