-- Purpose: XComs of attempts that run, or ended by themselves (links and callbacks come after the state). Those of
-- a superseded attempt are not written, nor those told with an ending (`ends`) that comes too late, nor those of
-- an attempt that was lost: its process said nothing of an end.
-- Locks: xcom rows by key. Index: xcom_uk. Bound: the arrays.
INSERT INTO xcom (id, tenant_id, dag_run_id, dag_id, run_id, task_id, map_index, key, value, kept_as,
                  bytes, mapped_length, timestamp)
SELECT app.uuid7(), ti.tenant_id, ti.dag_run_id, ti.dag_id, ti.run_id, ti.task_id, ti.map_index, x.key, x.value,
       x.kept_as, x.size, x.length, %(now)s::timestamptz
FROM (
  SELECT DISTINCT ON (id, key) * FROM unnest(
    %(ids)s::uuid[], %(epochs)s::int[], %(keys)s::text[], %(values)s::jsonb[], %(kept)s::text[],
    %(lengths)s::int[], %(ends)s::bool[], %(sizes)s::bigint[])
    WITH ORDINALITY AS x(id, epoch, key, value, kept_as, length, ends, size, n)
  ORDER BY id, key, n DESC
) x
JOIN task_instance ti ON ti.id = x.id AND ti.epoch = x.epoch AND ti.tenant_id = (SELECT app.tenant())
                     AND (ti.state = 'running' OR NOT x.ends AND ti.died IS NULL
                          AND ti.state IN ('restarting', 'success', 'failed', 'skipped', 'up_for_retry',
                                           'up_for_reschedule', 'deferred', 'awaiting_input'))
ON CONFLICT (tenant_id, dag_run_id, task_id, map_index, key)
DO UPDATE SET value = excluded.value, kept_as = excluded.kept_as, bytes = excluded.bytes, mapped_length = excluded.mapped_length,
              timestamp = excluded.timestamp
