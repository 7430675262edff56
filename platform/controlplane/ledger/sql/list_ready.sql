-- Purpose: scheduled task instances in admission order, with what limits them. Those of paused DAGs stay
-- scheduled (as in Airflow), and those of pools, runs and tasks (of one run, or of all) that are named full are passed over.
-- A queue is served while an agent has it that lives, or was heard of `grace` seconds ago (it may only be late).
-- Locks: none. Index: task_instance_ready, then one look-up each: OFFSET 0 keeps the planner, whose statistics may be
-- of an emptier table, from reading all runs of the tenant for every row. Bound: `batch`.
WITH served AS MATERIALIZED (
  SELECT coalesce(array_agg(DISTINCT q.name), '{}') AS names
  FROM agent a, jsonb_array_elements_text(a.queues) AS q(name)
  WHERE a.lease_until > clock_timestamp() - make_interval(secs => %(grace)s::float8)
)
SELECT ti.id, ti.dag_id, ti.dag_run_id, ti.task_id, ti.map_index, ti.priority_weight, r.logical_date, ti.pool,
       ti.pool_slots, d.max_active_tasks, t.max_active_tis_per_dag, t.max_active_tis_per_dagrun, ti.held_reason,
       ti.yields, ti.queue, ti.queue = ANY((SELECT names FROM served)::text[]), t.is_known IS NOT NULL,
       t.starts_deferred AND ti.next_method IS NULL
FROM task_instance ti
CROSS JOIN LATERAL (
  SELECT logical_date FROM dag_run
  WHERE tenant_id = ti.tenant_id AND id = ti.dag_run_id AND state = 'running' OFFSET 0) r
CROSS JOIN LATERAL (
  SELECT max_active_tasks FROM dag
  WHERE tenant_id = ti.tenant_id AND dag_id = ti.dag_id AND NOT is_paused OFFSET 0) d
LEFT JOIN LATERAL (
  SELECT max_active_tis_per_dag, max_active_tis_per_dagrun, starts_deferred, true AS is_known FROM dag_task
  WHERE tenant_id = ti.tenant_id AND dag_version_id = ti.dag_version_id AND task_index = ti.task_index OFFSET 0
) t ON true
WHERE ti.tenant_id = (SELECT app.tenant()) AND ti.state = 'scheduled'
  AND (NOT ti.yields OR %(yielding)s::bool)
  AND ti.pool <> ALL (%(pools)s::text[]) AND ti.dag_run_id <> ALL (%(runs)s::uuid[])
  AND NOT EXISTS (
    SELECT FROM unnest(%(task_dags)s::text[], %(task_ids)s::text[], %(task_runs)s::uuid[]) AS f(dag_id, task_id, run)
    WHERE f.dag_id = ti.dag_id AND f.task_id = ti.task_id AND (f.run IS NULL OR f.run = ti.dag_run_id))
ORDER BY ti.yields, ti.priority_weight DESC, ti.id
LIMIT %(batch)s::int
