-- Purpose: what the tenant stores today, once a day: XComs per DAG (those kept as objects by the size that their rows
-- say) and unpacked bundles. Locks: none. Index: xcom's and bundle_version's by tenant; usage_storage_uk.
-- Bound: the tenant's XComs and bundles. Rows out: none; a day that is there already stays.
INSERT INTO usage_storage (id, tenant_id, day, kind, dag_id, bytes)
SELECT app.uuid7(), (SELECT app.tenant()), (%(now)s::timestamptz AT TIME ZONE 'UTC')::date, kind, dag_id, bytes FROM (
  SELECT 'xcom' AS kind, x.dag_id, sum(octet_length(x.value::text))::bigint AS bytes
  FROM xcom x WHERE x.tenant_id = (SELECT app.tenant()) GROUP BY x.dag_id HAVING sum(octet_length(x.value::text)) > 0
  UNION ALL
  SELECT 'bundle', '', sum(b.byte_count)::bigint FROM bundle_version b
  WHERE b.tenant_id = (SELECT app.tenant()) HAVING sum(b.byte_count) IS NOT NULL
) s
WHERE NOT EXISTS (
  SELECT FROM usage_storage u WHERE u.tenant_id = (SELECT app.tenant())
    AND u.day = (%(now)s::timestamptz AT TIME ZONE 'UTC')::date)
ON CONFLICT (tenant_id, day, kind, dag_id) DO NOTHING
