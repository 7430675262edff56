-- Purpose: what agents measured of attempts whose processes are gone, each counted once however often it is told.
-- Locks: none. Index: task_instance's key, attempt_usage_measured_uk. Bound: the arrays. An attempt of another tenant, or
-- of an instance that is forgotten, is passed over. Rows out: (id).
INSERT INTO attempt_usage (id, tenant_id, kind, task_instance_id, epoch, dag_id, run_id, task_id, map_index,
  try_number, started_at, ended_at, cpu_us, peak_bytes, memory_mib_us)
SELECT app.uuid7(), (SELECT app.tenant()), 'measured', ti.id, m.epoch, ti.dag_id, ti.run_id, ti.task_id, ti.map_index,
  ti.try_number, clock_timestamp() - make_interval(secs => m.seconds), clock_timestamp(), (m.cpu * 1000000)::bigint,
  m.peak, (m.peak::numeric * (m.seconds * 1000000)::bigint / 1048576)::bigint
FROM unnest(%(ids)s::uuid[], %(epochs)s::int[], %(cpus)s::float8[], %(peaks)s::bigint[], %(seconds)s::float8[])
  AS m(id, epoch, cpu, peak, seconds)
JOIN task_instance ti ON ti.id = m.id AND ti.tenant_id = (SELECT app.tenant()) AND m.epoch BETWEEN 1 AND ti.epoch
ON CONFLICT (tenant_id, task_instance_id, epoch) WHERE kind = 'measured' DO NOTHING
RETURNING id
