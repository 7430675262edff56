-- Purpose: contents of DAGs that were picked as unused, with their tasks; those that came into use since stay. The
-- caller holds the tenant's lock of bundles: nothing is put in force meanwhile. Locks: the rows. Index: dag_version_tenant_id_uk.
-- Bound: the array. Rows out: (how many went).
WITH gone AS (
  DELETE FROM dag_version v
  WHERE v.tenant_id = (SELECT app.tenant()) AND v.id = ANY(%(ids)s::uuid[])
    AND NOT EXISTS (SELECT FROM dag d WHERE d.tenant_id = v.tenant_id AND d.current_version_id = v.id)
    AND NOT EXISTS (
      SELECT FROM dag_run r WHERE r.tenant_id = v.tenant_id AND r.dag_id = v.dag_id AND r.dag_version_id = v.id)
  RETURNING 1
)
SELECT count(*)::int FROM gone
