-- Purpose: one run and all its task rows, from the DAG version's template, in one statement.
-- Locks: none taken before; the unique keys (run_id; logical_date) decide races. Index: dag_task_index_uk.
-- Bound: the tasks of the DAG version. Rows out: (run row id), none when the run exists already.
WITH run AS (
  INSERT INTO dag_run (
    id, tenant_id, dag_id, run_id, run_type, state, logical_date, data_interval_start, data_interval_end,
    run_after, queued_at, conf, triggered_by, triggering_user_name, note, partition_key,
    dag_version_id, bundle_version_id, runtime_digest, unfinished)
  SELECT app.uuid7(), (SELECT app.tenant()), %(dag_id)s::text, %(run_id)s::text, %(run_type)s::text, 'queued',
    %(logical_date)s::timestamptz, %(interval_start)s::timestamptz, %(interval_end)s::timestamptz,
    %(run_after)s::timestamptz, %(now)s::timestamptz, %(conf)s::jsonb, %(triggered_by)s::text, %(user)s::text,
    %(note)s::text, %(partition_key)s::text, %(dag_version)s::uuid, %(bundle_version)s::uuid,
    %(runtime_digest)s::text,
    (SELECT count(*) FROM dag_task t WHERE t.tenant_id = (SELECT app.tenant())
                                       AND t.dag_version_id = %(dag_version)s::uuid)
  ON CONFLICT DO NOTHING
  RETURNING id
), tasks AS (
  INSERT INTO task_instance (
    id, tenant_id, dag_run_id, dag_version_id, dag_id, run_id, task_id, task_index, is_mapped, max_tries,
    trigger_rule, upstream_total, upstream_setup_total, pool, pool_slots, queue, executor, priority_weight,
    operator)
  SELECT app.uuid7(), (SELECT app.tenant()), run.id, t.dag_version_id, %(dag_id)s::text, %(run_id)s::text,
    t.task_id, t.task_index, t.is_mapped, t.max_tries, t.trigger_rule, t.upstream_count,
    t.setup_upstream_count, t.pool, t.pool_slots, t.queue, t.executor, t.priority_weight, t.operator
  FROM run, dag_task t
  WHERE t.tenant_id = (SELECT app.tenant()) AND t.dag_version_id = %(dag_version)s::uuid
)
SELECT id FROM run
