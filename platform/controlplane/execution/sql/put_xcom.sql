-- Purpose: one XCom that a task sets, of itself or (as Airflow allows) of another task of its tenant.
-- Locks: the row by key. Index: xcom_uk, dag_run_run_id_uk. Bound: 1 row. A superseded attempt writes nothing.
INSERT INTO xcom
  (id, tenant_id, dag_run_id, dag_id, run_id, task_id, map_index, key, value, kept_as, bytes, mapped_length, timestamp)
SELECT %(id)s::uuid, r.tenant_id, r.id, r.dag_id, r.run_id, %(task_id)s::text, %(map_index)s::int,
       %(key)s::text, %(value)s::jsonb, %(kept_as)s::text, %(bytes)s::bigint, %(mapped_length)s::int, %(now)s::timestamptz
FROM dag_run r
JOIN task_instance me ON me.tenant_id = r.tenant_id AND me.id = %(by)s::uuid AND me.epoch = %(epoch)s::int
WHERE r.tenant_id = (SELECT app.tenant()) AND r.dag_id = %(dag_id)s::text AND r.run_id = %(run_id)s::text
ON CONFLICT (tenant_id, dag_run_id, task_id, map_index, key)
DO UPDATE SET value = excluded.value, kept_as = excluded.kept_as, bytes = excluded.bytes, mapped_length = excluded.mapped_length,
              timestamp = excluded.timestamp
RETURNING id
