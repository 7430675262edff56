-- Purpose: the tasks of new DAG versions, the template of their runs.
-- Locks: none. Index: dag_task_index_uk. Bound: the tasks of one bundle's changed DAGs.
-- Rows come as one JSON array: arrays of arrays (downstream) do not go through unnest.
INSERT INTO dag_task (
  id, tenant_id, dag_version_id, task_index, task_id, operator, downstream, upstream_count,
  setup_upstream_count, is_leaf, is_setup, is_teardown, is_mapped, is_empty, trigger_rule, pool, pool_slots,
  queue, executor, priority_weight, max_tries, retry_delay_seconds, retry_multiplier,
  max_retry_delay_seconds, max_active_tis_per_dag, max_active_tis_per_dagrun, execution_timeout_seconds,
  tells_failure, tells_retry, starts_deferred, past_rule, start_date, end_date,
  counts_into, weighed_by, weighed_same, readings, known_lengths, first_count)
SELECT app.uuid7(), (SELECT app.tenant()), t.dag_version_id, t.task_index, t.task_id, t.operator, t.downstream,
  t.upstream_count, t.setup_upstream_count, t.is_leaf, t.is_setup, t.is_teardown, t.is_mapped, t.is_empty,
  t.trigger_rule, t.pool, t.pool_slots, t.queue, t.executor, t.priority_weight, t.max_tries,
  t.retry_delay_seconds, t.retry_multiplier, t.max_retry_delay_seconds, t.max_active_tis_per_dag,
  t.max_active_tis_per_dagrun, t.execution_timeout_seconds, t.tells_failure, t.tells_retry, t.starts_deferred,
  t.past_rule, t.start_date, t.end_date, t.counts_into, t.weighed_by, t.weighed_same, t.readings,
  t.known_lengths, t.first_count
FROM jsonb_to_recordset(%(rows)s::jsonb) AS t(
  dag_version_id uuid, task_index int, task_id text, operator text, downstream int[], upstream_count int,
  setup_upstream_count int, is_leaf bool, is_setup bool, is_teardown bool, is_mapped bool, is_empty bool,
  trigger_rule smallint, pool text, pool_slots int, queue text, executor text, priority_weight int,
  max_tries int, retry_delay_seconds float8, retry_multiplier float8, max_retry_delay_seconds float8,
  max_active_tis_per_dag int, max_active_tis_per_dagrun int, execution_timeout_seconds float8,
  tells_failure bool, tells_retry bool, starts_deferred bool, past_rule smallint, start_date timestamptz, end_date timestamptz,
  counts_into int[], weighed_by int[], weighed_same bool[], readings jsonb, known_lengths int[], first_count int)
