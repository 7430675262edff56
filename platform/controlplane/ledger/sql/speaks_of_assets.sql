-- Purpose: whether storing these DAGs has anything to do with assets: they speak of some (`told`), they did, or a
-- stale DAG did. Locks: none. Index: asset_reference_uk. Bound: the array; the tenant's references. Rows out: one.
SELECT %(told)s::bool OR EXISTS (
  SELECT FROM asset_reference r
  WHERE r.tenant_id = (SELECT app.tenant())
    AND (r.dag_row_id = ANY(%(dags)s::uuid[])
         OR EXISTS (SELECT FROM dag d
                    WHERE d.tenant_id = (SELECT app.tenant()) AND d.id = r.dag_row_id AND d.is_stale)))
