-- Purpose: new contents of DAGs, numbered on from the last of each DAG.
-- Locks: none beyond the tenant's, which the caller holds: numbers cannot race. Index: dag_version_number_uk.
-- Bound: the changed DAGs of one bundle. Rows out: (dag_id, version id, version number).
INSERT INTO dag_version (
  id, tenant_id, dag_row_id, dag_id, version_number, content_hash, spec, source, bundle_version_id, created_at,
  tells_success, tells_failure, has_deadlines, dagrun_timeout_seconds, fail_fast)
SELECT app.uuid7(), (SELECT app.tenant()), v.dag_row_id, v.dag_id,
  1 + coalesce((SELECT max(o.version_number) FROM dag_version o
                WHERE o.tenant_id = (SELECT app.tenant()) AND o.dag_id = v.dag_id), 0),
  v.content_hash, v.spec, v.source, %(bundle)s::uuid, %(now)s::timestamptz,
  v.tells_success, v.tells_failure, v.has_deadlines, v.dagrun_timeout_seconds, v.fail_fast
FROM unnest(%(dag_rows)s::uuid[], %(dag_ids)s::text[], %(hashes)s::text[], %(specs)s::jsonb[], %(sources)s::text[],
            %(tells_success)s::bool[], %(tells_failure)s::bool[], %(has_deadlines)s::bool[],
            %(dagrun_timeout_seconds)s::float8[], %(fail_fast)s::bool[])
  AS v(dag_row_id, dag_id, content_hash, spec, source, tells_success, tells_failure, has_deadlines,
       dagrun_timeout_seconds, fail_fast)
RETURNING dag_id, id, version_number
