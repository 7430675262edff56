-- Purpose: an agent takes workloads of one tenant; taking is starting. Stale workloads are dropped.
-- Locks: workload rows (SKIP LOCKED, priority order), then their task instances.
-- Index: workload_waiting; primary keys. Bound: `batch`. Rows out: all that a workload is made of;
-- the last columns are the tenant's limits on one task, the run's partition date and the events that it consumed.
WITH bound AS MATERIALIZED (
  SELECT least((b.given ->> 'task_memory_mib')::float8, (b.own ->> 'task_memory_mib')::float8)::bigint AS task_memory_mib,
         least((b.given ->> 'log_bytes')::float8, (b.own ->> 'log_bytes')::float8)::bigint AS log_bytes,
         least((b.given ->> 'task_cpu_millis')::float8, (b.own ->> 'task_cpu_millis')::float8)::bigint AS task_cpu_millis
  FROM app.tenant_bound b WHERE b.tenant_id = (SELECT app.tenant())
), picked AS (
  SELECT w.id, w.ref, w.epoch FROM workload w
  WHERE w.tenant_id = (SELECT app.tenant()) AND w.kind = 'task' AND w.agent_id IS NULL
    AND w.executor = 'local' AND w.queue = ANY(%(queues)s::text[])
  ORDER BY w.priority DESC, w.id LIMIT %(batch)s::int FOR UPDATE SKIP LOCKED
), started AS (
  UPDATE task_instance ti
  SET state = 'running', hostname = %(hostname)s::text, agent_id = %(agent)s::uuid, pid = NULL,
      start_date = CASE WHEN ti.next_method IS NULL OR ti.start_date IS NULL THEN %(now)s::timestamptz
                        ELSE ti.start_date END,
      last_heartbeat_at = %(now)s::timestamptz
  FROM picked p
  WHERE ti.id = p.ref AND ti.epoch = p.epoch AND ti.state = 'queued' AND ti.tenant_id = (SELECT app.tenant())
  RETURNING ti.*
), claimed AS (
  UPDATE workload w
  SET agent_id = %(agent)s::uuid, agent_epoch = %(agent_epoch)s::int, claimed_at = clock_timestamp()
  FROM picked p JOIN started s ON s.id = p.ref
  WHERE w.id = p.id AND w.tenant_id = (SELECT app.tenant())
), stale AS (
  DELETE FROM workload w USING picked p
  WHERE w.id = p.id AND w.tenant_id = (SELECT app.tenant())
    AND NOT EXISTS (SELECT 1 FROM started s WHERE s.id = p.ref)
), paced AS ( -- for pools that limit their starts: where a tenant has none, nothing is looked up
  INSERT INTO pool_start (id, tenant_id, pool, started_at)
  SELECT app.uuid7(), s.tenant_id, s.pool, clock_timestamp()
  FROM started s
  JOIN pool p ON p.tenant_id = (SELECT app.tenant()) AND p.name = s.pool AND p.starts_per_minute IS NOT NULL
), forgotten AS (
  DELETE FROM xcom x USING started s
  WHERE x.tenant_id = (SELECT app.tenant()) AND x.dag_run_id = s.dag_run_id AND x.task_id = s.task_id
    AND x.map_index = s.map_index AND s.try_number > 1 AND s.next_method IS NULL AND s.reschedules = 0
)
SELECT s.id, s.epoch, s.dag_id, s.run_id, s.task_id, s.map_index, s.try_number, s.max_tries, s.dag_version_id,
       s.queue, s.next_method, s.next_kwargs, s.reschedules, s.start_date,
       r.run_type, r.state, r.logical_date, r.data_interval_start, r.data_interval_end, r.run_after,
       r.start_date, r.end_date, r.clear_number, r.conf, r.triggering_user_name, r.note, r.partition_key,
       b.digest, b.commit_sha, r.runtime_digest, v.content_hash, v.spec ->> 'relative_fileloc',
       (v.spec ->> 'fresh_parse')::boolean,
       bound.task_memory_mib, bound.log_bytes, bound.task_cpu_millis,
       r.partition_date, CASE WHEN r.run_type = 'asset_triggered' THEN app.consumed_events(r.id) END
FROM started s CROSS JOIN bound
JOIN dag_run r ON r.id = s.dag_run_id AND r.tenant_id = s.tenant_id
JOIN bundle_version b ON b.id = r.bundle_version_id AND b.tenant_id = s.tenant_id
JOIN dag_version v ON v.id = s.dag_version_id AND v.tenant_id = s.tenant_id
