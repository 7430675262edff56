-- Purpose: what a supervisor is told that says a second time that its attempt begins (its first answer was lost).
-- Locks: none. Index: primary key. Bound: 1 row. Rows out: the columns of start_tasks.sql.
WITH started AS (
  SELECT * FROM task_instance
  WHERE tenant_id = (SELECT app.tenant()) AND id = %(id)s::uuid AND epoch = %(epoch)s::int AND state = 'running'
    AND hostname = %(hostname)s::text AND unixname = %(unixname)s::text AND pid = %(pid)s::int
)
SELECT s.id, s.epoch, s.dag_id, s.run_id, s.task_id, s.map_index, s.try_number, s.max_tries, s.dag_version_id,
       s.queue, s.next_method, s.next_kwargs, s.reschedules, s.start_date,
       r.run_type, r.state, r.logical_date, r.data_interval_start, r.data_interval_end, r.run_after,
       r.start_date, r.end_date, r.clear_number, r.conf, r.triggering_user_name, r.note, r.partition_key,
       CASE WHEN r.run_type = 'asset_triggered' THEN app.consumed_events(r.id) END
FROM started s JOIN dag_run r ON r.id = s.dag_run_id AND r.tenant_id = s.tenant_id
