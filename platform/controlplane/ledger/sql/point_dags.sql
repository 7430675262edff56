-- Purpose: accepted DAGs point to their version and to the bundle whose code they run, and are not stale.
-- Locks: the DAGs. Index: dag_dag_id_uk. Bound: the DAGs of one bundle.
UPDATE dag d
SET current_version_id = p.version_id, bundle_version_id = %(bundle)s::uuid, is_stale = false,
    has_import_errors = p.has_errors, last_parsed_at = %(now)s::timestamptz
FROM unnest(%(dag_ids)s::text[], %(versions)s::uuid[], %(has_errors)s::bool[]) AS p(dag_id, version_id, has_errors)
WHERE d.tenant_id = (SELECT app.tenant()) AND d.dag_id = p.dag_id
