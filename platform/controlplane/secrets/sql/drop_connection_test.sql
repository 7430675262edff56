-- Purpose: a connection test is over, or nobody wants it any more. Locks: one row. Index: workload_uk. Bound: 1 row.
DELETE FROM workload
WHERE tenant_id = (SELECT app.tenant()) AND kind = 'conn_test' AND ref = %(ref)s::uuid
