-- Purpose: what the tenant stored on a day; a day that was measured stays. Locks: none. Index: usage_storage_uk.
-- Bound: the arrays. Rows out: none.
INSERT INTO usage_storage (id, tenant_id, day, kind, dag_id, bytes)
SELECT app.uuid7(), (SELECT app.tenant()), %(day)s::date, kind, dag_id, bytes
FROM unnest(%(kinds)s::text[], %(dags)s::text[], %(bytes)s::bigint[]) AS s(kind, dag_id, bytes)
WHERE NOT EXISTS (
  SELECT FROM usage_storage u WHERE u.tenant_id = (SELECT app.tenant()) AND u.day = %(day)s::date)
ON CONFLICT (tenant_id, day, kind, dag_id) DO NOTHING
