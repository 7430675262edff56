-- Purpose: a connection test is given out to whichever agent comes first. Locks: the new row. Index: workload_uk.
-- Bound: 1 row.
INSERT INTO workload (id, tenant_id, kind, ref, epoch, dispatched_at)
VALUES (app.uuid7(), (SELECT app.tenant()), 'conn_test', %(ref)s::uuid, 1, %(now)s::timestamptz)
