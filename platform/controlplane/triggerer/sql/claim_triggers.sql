-- Purpose: an agent takes triggers of one tenant, with all that running them needs. Those of tasks that wait no more
-- are dropped. Locks: workload rows (SKIP LOCKED, priority order). Index: workload_waiting; primary keys.
-- Bound: `batch`. Rows out: see triggerer/claim.py.
WITH picked AS MATERIALIZED (
  SELECT w.id, w.ref, w.epoch FROM workload w
  WHERE w.tenant_id = (SELECT app.tenant()) AND w.kind = 'trigger' AND w.agent_id IS NULL
    AND (w.queue = 'default' OR w.queue = ANY(%(queues)s::text[]))
  ORDER BY w.priority DESC, w.id LIMIT %(batch)s::int FOR UPDATE SKIP LOCKED
), held AS MATERIALIZED (
  SELECT p.id AS workload_id, t.* FROM picked p
  JOIN trigger t ON t.id = p.ref AND t.epoch = p.epoch AND t.tenant_id = (SELECT app.tenant())
  WHERE t.task_instance_id IS NULL
     OR EXISTS (SELECT FROM task_instance ti WHERE ti.id = t.task_instance_id AND ti.tenant_id = t.tenant_id
                AND ti.epoch = t.epoch AND ti.state = 'deferred')
), claimed AS (
  UPDATE workload w
  SET agent_id = %(agent)s::uuid, agent_epoch = %(agent_epoch)s::int, claimed_at = clock_timestamp(),
      attempts = w.attempts + 1
  FROM held WHERE w.id = held.workload_id AND w.tenant_id = (SELECT app.tenant())
), stale AS (
  DELETE FROM workload w USING picked p
  WHERE w.id = p.id AND w.tenant_id = (SELECT app.tenant())
    AND NOT EXISTS (SELECT FROM held WHERE held.workload_id = p.id)
)
SELECT h.id, h.epoch, h.classpath, h.kwargs, h.timeout_at, h.starts, h.assets,
       b.digest, b.commit_sha, coalesce(r.runtime_digest, rt.digest), v.spec ->> 'relative_fileloc',
       ti.id, ti.dag_id, ti.run_id, ti.task_id, ti.map_index, ti.try_number, ti.dag_version_id, ti.queue, ti.pool_slots,
       ti.priority_weight, ti.max_tries,
       r.run_type, r.state, r.logical_date, r.data_interval_start, r.data_interval_end, r.run_after, r.start_date,
       r.clear_number, r.conf, r.partition_key
FROM held h
LEFT JOIN task_instance ti ON ti.id = h.task_instance_id AND ti.tenant_id = h.tenant_id
LEFT JOIN dag_run r ON r.id = ti.dag_run_id AND r.tenant_id = h.tenant_id
LEFT JOIN dag_version v ON v.id = ti.dag_version_id AND v.tenant_id = h.tenant_id
JOIN bundle_version b ON b.id = coalesce(r.bundle_version_id, h.bundle_version_id) AND b.tenant_id = h.tenant_id
LEFT JOIN runtime rt ON rt.id = b.runtime_id AND rt.tenant_id = h.tenant_id
