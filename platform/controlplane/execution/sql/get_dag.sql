-- Purpose: one DAG as a task may see it. Locks: none. Index: dag_dag_id_uk. Bound: 1 row.
SELECT d.is_paused, coalesce(nullif(b.commit_sha, ''), b.digest), d.relative_fileloc,
       (SELECT string_agg(o, ', ') FROM jsonb_array_elements_text(d.owners) AS o),
       ARRAY(SELECT jsonb_array_elements_text(d.tags)), d.next_logical_date, d.is_stale, d.has_import_errors
FROM dag d
LEFT JOIN bundle_version b ON b.tenant_id = d.tenant_id AND b.id = d.bundle_version_id
WHERE d.tenant_id = (SELECT app.tenant()) AND d.dag_id = %(dag_id)s::text
LIMIT 1
