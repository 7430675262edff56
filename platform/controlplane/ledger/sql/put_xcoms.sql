-- Purpose: XComs of attempts that run or have just ended (links and callbacks come after the state). A superseded
-- attempt's are not written: its epoch is over.
-- Locks: xcom rows by key. Index: xcom_uk. Bound: the arrays.
INSERT INTO xcom (id, tenant_id, dag_run_id, dag_id, run_id, task_id, map_index, key, value, mapped_length, timestamp)
SELECT app.uuid7(), ti.tenant_id, ti.dag_run_id, ti.dag_id, ti.run_id, ti.task_id, ti.map_index, x.key, x.value,
       x.length, %(now)s::timestamptz
FROM (
  SELECT DISTINCT ON (id, key) * FROM unnest(
    %(ids)s::uuid[], %(epochs)s::int[], %(keys)s::text[], %(values)s::jsonb[], %(lengths)s::int[])
    WITH ORDINALITY AS x(id, epoch, key, value, length, n)
  ORDER BY id, key, n DESC
) x
JOIN task_instance ti ON ti.id = x.id AND ti.epoch = x.epoch AND ti.tenant_id = (SELECT app.tenant())
                     AND ti.state IS NOT NULL AND ti.state NOT IN ('scheduled', 'queued')
ON CONFLICT (tenant_id, dag_run_id, task_id, map_index, key)
DO UPDATE SET value = excluded.value, mapped_length = excluded.mapped_length, timestamp = excluded.timestamp
