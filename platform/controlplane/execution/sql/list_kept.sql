-- Purpose: which of these objects the tenant's XComs name. Locks: none. Index: xcom_kept. Bound: the array.
SELECT x.kept_as
FROM xcom x
WHERE x.tenant_id = (SELECT app.tenant()) AND x.kept_as = ANY(%(keys)s::text[])
