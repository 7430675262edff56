-- Purpose: the different tags of a tenant's current DAGs, by a pattern (ILIKE) or a beginning, or all.
-- Locks: none. Index: dag_dag_id_uk. Bound: the tags of the tenant's DAGs.
SELECT DISTINCT tag.name
FROM dag d, jsonb_array_elements_text(d.tags) AS tag(name)
WHERE d.tenant_id = (SELECT app.tenant()) AND NOT d.is_stale
  AND (%(pattern)s::text IS NULL OR tag.name ILIKE %(pattern)s::text)
  AND (%(prefix)s::text IS NULL OR starts_with(tag.name, %(prefix)s::text))
