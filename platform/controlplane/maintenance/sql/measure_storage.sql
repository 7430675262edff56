-- Purpose: what the tenant stores by its rows: XComs per DAG (as objects or not, by the size that their rows say), the
-- files of its bundle versions, each content once, and which artefacts those are. Locks: none.
-- Index: xcom's, bundle_version's by tenant. Bound: the tenant's XComs and bundles; values are not read.
-- Rows out: (kind, DAG or digest, bytes): `xcom`, `bundle`; `digest` with the artefacts, whose bytes are those of a file.
SELECT 'xcom', x.dag_id, sum(x.bytes)::bigint FROM xcom x
WHERE x.tenant_id = (SELECT app.tenant()) GROUP BY x.dag_id
UNION ALL
SELECT 'bundle', '', sum(b.byte_count)::bigint FROM (
  SELECT DISTINCT ON (digest) byte_count FROM bundle_version WHERE tenant_id = (SELECT app.tenant()) ORDER BY digest
) b HAVING count(*) > 0
UNION ALL
SELECT 'digest', a.digest, 0 FROM artefact_use a WHERE a.tenant_id = (SELECT app.tenant())
UNION ALL
SELECT 'dag', d.dag_id, 0 FROM dag d WHERE d.tenant_id = (SELECT app.tenant())
