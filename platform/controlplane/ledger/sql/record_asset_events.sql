-- Purpose: assets were updated: the events, the aliases they came through, and the DAGs that wait for them: each is
-- queued and looked at. Paused DAGs hear nothing, as in Airflow. An event with a partition key is for DAGs that
-- wait for partitions, and they are told of one without it too, to say so.
-- Locks: lock_assets.sql was run before; one row of serial. Index: asset_name_uri_uk, primary keys,
-- asset_event_recent, asset_reference_*. Bound: the array times the DAGs that wait.
-- An instant is never before that of an earlier event, but not far from `now` when a clock was wrong.
-- Rows out: (n, id, serial, timestamp) of each event; what needs an active asset and has none gives no row.
WITH said AS MATERIALIZED (
  SELECT * FROM jsonb_to_recordset(%(events)s::jsonb) AS s(
    n int, ti uuid, name text, uri text, extra jsonb, partition_key text, aliases jsonb, needs_active bool)
), found AS MATERIALIZED (
  SELECT s.n, row_number() OVER (ORDER BY s.n) AS place, app.uuid7() AS id, a.id AS asset_id, s.name, s.uri,
         s.extra, s.aliases, ti.dag_id, ti.run_id, ti.task_id, coalesce(ti.map_index, -1) AS map_index,
         coalesce(s.partition_key, r.partition_key) AS partition_key,
         CASE WHEN s.partition_key IS NULL OR s.partition_key = r.partition_key THEN r.partition_date END
           AS partition_date
  FROM said s
  JOIN asset a ON a.tenant_id = (SELECT app.tenant()) AND a.name = s.name AND a.uri = s.uri
              AND (a.is_active OR NOT s.needs_active)
  LEFT JOIN task_instance ti ON ti.tenant_id = (SELECT app.tenant()) AND ti.id = s.ti
  LEFT JOIN dag_run r ON r.tenant_id = (SELECT app.tenant()) AND r.id = ti.dag_run_id
), numbers AS (
  INSERT INTO serial (id, tenant_id, name, last)
  SELECT app.uuid7(), (SELECT app.tenant()), 'asset_event', count(*) FROM found HAVING count(*) > 0
  ON CONFLICT (tenant_id, name) DO UPDATE SET last = serial.last + excluded.last
  RETURNING last
), base AS MATERIALIZED (
  SELECT numbers.last - (SELECT count(*) FROM found) AS serial,
    greatest(%(now)s::timestamptz, least(%(now)s::timestamptz + interval '1 second', coalesce(
      (SELECT max(timestamp) FROM asset_event WHERE tenant_id = (SELECT app.tenant())), '-infinity'))) AS instant
  FROM numbers
), events AS (
  INSERT INTO asset_event (id, tenant_id, serial, asset_id, extra, source_dag_id, source_run_id, source_task_id,
                           source_map_index, partition_key, timestamp)
  SELECT f.id, (SELECT app.tenant()), base.serial + f.place, f.asset_id, f.extra, f.dag_id, f.run_id, f.task_id,
         f.map_index, f.partition_key, base.instant + f.place * interval '1 microsecond'
  FROM found f, base
  RETURNING id, serial, timestamp
), through AS (
  INSERT INTO asset_alias_event (id, tenant_id, alias_id, event_id)
  SELECT app.uuid7(), (SELECT app.tenant()), l.id, f.id
  FROM found f
  CROSS JOIN LATERAL jsonb_array_elements_text(f.aliases) AS t(name)
  JOIN asset_alias l ON l.tenant_id = (SELECT app.tenant()) AND l.name = t.name
), waiting AS MATERIALIZED (
  SELECT DISTINCT f.id AS event, f.asset_id, f.place, f.partition_date, d.id AS dag
  FROM found f
  CROSS JOIN LATERAL (
    SELECT dag_row_id, partitioned FROM asset_reference r
    WHERE r.tenant_id = (SELECT app.tenant()) AND r.asset_id = f.asset_id AND r.kind = 'schedule'
    UNION
    SELECT dag_row_id, partitioned FROM asset_reference r
    WHERE r.tenant_id = (SELECT app.tenant()) AND r.kind = 'schedule' AND r.alias_id IN (
      SELECT l.id FROM jsonb_array_elements_text(f.aliases) AS t(name)
      JOIN asset_alias l ON l.tenant_id = (SELECT app.tenant()) AND l.name = t.name)
    UNION
    SELECT dag_row_id, partitioned FROM asset_reference r
    WHERE r.tenant_id = (SELECT app.tenant()) AND r.ref_name = f.name
    UNION
    SELECT dag_row_id, partitioned FROM asset_reference r
    WHERE r.tenant_id = (SELECT app.tenant()) AND r.ref_uri = f.uri
    OFFSET 0) r
  JOIN dag d ON d.tenant_id = (SELECT app.tenant()) AND d.id = r.dag_row_id AND NOT d.is_paused AND NOT d.is_stale
  WHERE r.partitioned OR f.partition_key IS NULL
), queued AS (
  INSERT INTO asset_queue (id, tenant_id, dag_row_id, asset_id, event_id, partition_date, created_at)
  SELECT app.uuid7(), (SELECT app.tenant()), w.dag, w.asset_id, w.event, w.partition_date,
         base.instant + w.place * interval '1 microsecond'
  FROM waiting w, base
), items AS (
  INSERT INTO work_item (tenant_id, kind, ref, due_at)
  SELECT (SELECT app.tenant()), 'assets', dag, least(%(now)s::timestamptz, clock_timestamp())
  FROM (SELECT DISTINCT dag FROM waiting) w
)
SELECT f.n, e.id, e.serial, e.timestamp FROM events e JOIN found f ON f.id = e.id
