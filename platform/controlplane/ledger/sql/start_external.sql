-- Purpose: a supervisor other than our agent starts an attempt that was dispatched; its workload leaves the
-- queue of agents (claimed by none of them) and it is watched by its own heartbeat.
-- Locks: the workload (SKIP LOCKED: one that an agent is just claiming is not ours), then the instance.
-- A `silent` item looks after its heartbeat, with the tenant's own patience where it has one. Index: primary keys. Rows out: the columns of start_tasks.sql.
WITH mine AS MATERIALIZED (
  SELECT ref, epoch FROM workload
  WHERE tenant_id = (SELECT app.tenant()) AND kind = 'task' AND ref = %(id)s::uuid AND epoch = %(epoch)s::int
    AND agent_id IS NULL
  FOR UPDATE SKIP LOCKED
), started AS (
  UPDATE task_instance ti
  SET state = 'running', hostname = %(hostname)s::text, unixname = %(unixname)s::text, pid = %(pid)s::int,
      agent_id = NULL, last_heartbeat_at = %(now)s::timestamptz,
      start_date = CASE WHEN ti.next_method IS NULL OR ti.start_date IS NULL THEN %(now)s::timestamptz
                        ELSE ti.start_date END
  FROM mine
  WHERE ti.id = mine.ref AND ti.epoch = mine.epoch AND ti.tenant_id = (SELECT app.tenant())
    AND ti.state = 'queued'
  RETURNING ti.*
), gone AS (
  DELETE FROM workload w USING started s
  WHERE w.tenant_id = (SELECT app.tenant()) AND w.ref = s.id AND w.epoch = s.epoch AND w.kind = 'task'
), watched AS (
  INSERT INTO work_item (tenant_id, kind, ref, due_at)
  SELECT (SELECT app.tenant()), 'silent', s.id, clock_timestamp() + coalesce(
    (SELECT (t.settings ->> 'heartbeat_timeout_seconds')::float8 FROM tenant t WHERE t.id = (SELECT app.tenant())),
    %(patience)s::float8) * interval '1 second'
  FROM started s
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
       r.partition_date, CASE WHEN r.run_type = 'asset_triggered' THEN app.consumed_events(r.id) END
FROM started s JOIN dag_run r ON r.id = s.dag_run_id AND r.tenant_id = s.tenant_id
