-- Purpose: runs and all their task rows, from the DAG versions' templates, in one statement.
-- Locks: none taken before; the unique keys (run_id; logical_date) decide races. Index: dag_task_index_uk.
-- Tasks whose own dates leave out the logical date are not made, as in Airflow.
-- A run sees the values of the deployment of its own bundle version, never another's (deployment_of_bundle).
-- Bound: the runs given times the task instances of their versions; OFFSET 0 keeps the planner on the index for each run.
-- Rows out: (run row id, dag_id, run_id) of the runs that are new.
WITH said AS MATERIALIZED (
  SELECT * FROM jsonb_to_recordset(%(runs)s::jsonb) AS r(
    dag_id text, run_id text, run_type text, logical_date timestamptz, interval_start timestamptz,
    interval_end timestamptz, run_after timestamptz, conf jsonb, triggered_by text, "user" text, note text,
    partition_key text, partition_date timestamptz, dag_version uuid, bundle_version uuid, runtime_digest text,
    backfill uuid, backfill_ordinal int, awaits_interval bool)
), run AS (
  INSERT INTO dag_run (
    id, tenant_id, dag_id, run_id, run_type, state, logical_date, data_interval_start, data_interval_end,
    run_after, queued_at, conf, triggered_by, triggering_user_name, note, partition_key, partition_date,
    dag_version_id, bundle_version_id, deployment_id, runtime_digest, backfill_id, backfill_ordinal, awaits_interval, unfinished,
    lacks_tasks)
  SELECT app.uuid7(), (SELECT app.tenant()), dag_id, run_id, run_type, 'queued', logical_date, interval_start,
    interval_end, run_after, %(now)s::timestamptz, conf, triggered_by, "user", note, partition_key,
    partition_date, dag_version, bundle_version, deployed.id, runtime_digest, backfill, backfill_ordinal, awaits_interval, c.instances, c.lacking
  FROM said LEFT JOIN LATERAL (
    SELECT d.id FROM deployment d
    WHERE d.tenant_id = (SELECT app.tenant()) AND d.bundle_version_id = said.bundle_version
      AND d.activated_at IS NOT NULL
    ORDER BY d.number DESC LIMIT 1) deployed ON true CROSS JOIN LATERAL (
    SELECT coalesce(sum(t.first_count) FILTER (WHERE app.has_task(run_type, logical_date, t.start_date, t.end_date)),
                    0) AS instances,
           coalesce(bool_or(NOT app.has_task(run_type, logical_date, t.start_date, t.end_date)), false) AS lacking
    FROM dag_task t
    WHERE t.tenant_id = (SELECT app.tenant()) AND t.dag_version_id = said.dag_version OFFSET 0) c
  ON CONFLICT DO NOTHING
  RETURNING id, dag_id, run_id, dag_version_id, backfill_id, run_type, logical_date
), tasks AS (
  INSERT INTO task_instance (
    id, tenant_id, dag_run_id, dag_version_id, dag_id, run_id, task_id, task_index, map_index, is_mapped, map_lengths, max_tries,
    trigger_rule, upstream_total, upstream_setup_total, pool, pool_slots, queue, executor, priority_weight,
    operator, yields)
  SELECT app.uuid7(), (SELECT app.tenant()), run.id, t.dag_version_id, run.dag_id, run.run_id,
    t.task_id, t.task_index, m.map_index, t.is_mapped,
    CASE WHEN cardinality(t.known_lengths) > 1 THEN t.known_lengths END, t.max_tries, t.trigger_rule, t.upstream_count,
    t.setup_upstream_count, t.pool, t.pool_slots, t.queue, t.executor, t.priority_weight, t.operator,
    run.backfill_id IS NOT NULL
  FROM run CROSS JOIN LATERAL (
    SELECT * FROM dag_task d
    WHERE d.tenant_id = (SELECT app.tenant()) AND d.dag_version_id = run.dag_version_id
      AND app.has_task(run.run_type, run.logical_date, d.start_date, d.end_date) OFFSET 0) t
  -- What the file says the length of is expanded at once, as in Airflow, and -1 stands for what is not yet.
  CROSS JOIN LATERAL generate_series(
    CASE WHEN 0 = ANY(t.known_lengths) OR t.known_lengths IS NULL THEN -1 ELSE 0 END,
    CASE WHEN 0 = ANY(t.known_lengths) OR t.known_lengths IS NULL THEN -1 ELSE t.first_count - 1 END) AS m(map_index)
), watched AS (
  INSERT INTO work_item (tenant_id, kind, ref, due_at)
  SELECT (SELECT app.tenant()), 'watch', run.id, least(%(now)s::timestamptz, clock_timestamp())
  FROM run CROSS JOIN LATERAL (
    SELECT v.has_deadlines FROM dag_version v
    WHERE v.tenant_id = (SELECT app.tenant()) AND v.id = run.dag_version_id OFFSET 0) v
  WHERE v.has_deadlines
)
SELECT id, dag_id, run_id FROM run
