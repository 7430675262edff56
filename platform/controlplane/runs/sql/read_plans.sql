-- Purpose: all that planning needs of these DAGs: schedule, newest automatic run, places that are free. As in
-- Airflow, runs of backfills take no place of the DAG's own, and every other queued run takes one.
-- Locks: none. Index: dag_run_logical_date_uk, dag_run_partition, dag_run_waiting, dag_run_backfilling.
-- Bound: the DAGs given times their max_active_runs.
-- Rows out: (row id, dag_id, schedule, version, bundle version, runtime, content hash, free places,
-- last start, last end, last run_after, forecast). A DAG that is paused (unless asked for), stale or unknown is
-- not among them.
SELECT d.id, d.dag_id, d.schedule, d.current_version_id, d.bundle_version_id, coalesce(rt.digest, ''),
  v.content_hash,
  d.max_active_runs - d.active_runs
    + (SELECT count(*) FROM dag_run r WHERE r.tenant_id = d.tenant_id AND r.dag_id = d.dag_id
         AND r.backfill_id IS NOT NULL AND r.state = 'running')
    - (SELECT count(*) FROM dag_run r WHERE r.tenant_id = d.tenant_id AND r.dag_id = d.dag_id
         AND r.backfill_id IS NULL AND r.state = 'queued') AS free,
  coalesce(l.data_interval_start, l.logical_date, l.run_after),
  coalesce(l.data_interval_end, l.logical_date, l.run_after), l.run_after, to_jsonb(f)
FROM dag d
CROSS JOIN LATERAL (
  SELECT content_hash FROM dag_version
  WHERE tenant_id = d.tenant_id AND id = d.current_version_id OFFSET 0) v
LEFT JOIN LATERAL (
  SELECT rt.digest FROM bundle_version b JOIN runtime rt ON rt.tenant_id = b.tenant_id AND rt.id = b.runtime_id
  WHERE b.tenant_id = d.tenant_id AND b.id = d.bundle_version_id OFFSET 0) rt ON true
LEFT JOIN LATERAL (
  (SELECT r.data_interval_start, r.data_interval_end, r.logical_date, r.run_after FROM dag_run r
   WHERE r.tenant_id = d.tenant_id AND r.dag_id = d.dag_id AND r.logical_date IS NOT NULL
     AND r.run_type IN ('scheduled', 'backfill') AND d.schedule->'timetable'->>'kind' <> 'partition_cron'
   ORDER BY r.logical_date DESC LIMIT 1)
  UNION ALL
  (SELECT NULL, NULL, NULL, r.run_after FROM dag_run r
   WHERE r.tenant_id = d.tenant_id AND r.dag_id = d.dag_id AND r.partition_date IS NOT NULL
     AND r.run_type IN ('scheduled', 'backfill') AND d.schedule->'timetable'->>'kind' = 'partition_cron'
   ORDER BY r.partition_date DESC, r.run_after DESC LIMIT 1)) l ON true
LEFT JOIN LATERAL (
  SELECT f.content_hash, f.epoch, f.after, f.asked_at, f.answered_at, f.runs, f.is_over, f.problem
  FROM timetable_forecast f
  WHERE f.tenant_id = d.tenant_id AND f.dag_id = d.id AND d.schedule->'timetable'->>'kind' = 'custom'
  OFFSET 0) f ON true
WHERE d.tenant_id = (SELECT app.tenant()) AND d.id = ANY(%(dags)s::uuid[])
  AND (NOT d.is_paused OR %(paused)s::bool) AND NOT d.is_stale AND d.schedule IS NOT NULL
ORDER BY d.id
