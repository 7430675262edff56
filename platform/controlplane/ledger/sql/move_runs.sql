-- Purpose: runs go on with another version of their DAG: tasks it has more are added, instances of tasks it has too
-- take its place for them, and the others have none (`task_index` -1). What a try has run stays written on it.
-- Before: as clear_tasks.sql. After: retotal_runs.sql; instances without a place are marked `removed` by the caller.
-- Locks: the instances of the runs. Index: task_instance_place; dag_task_index_uk. Bound: the instances of the runs,
-- and tasks before times tasks after. Rows out: (instance, task, state) of those without a place.
WITH run AS MATERIALIZED (
  SELECT r.id, r.dag_id, r.run_id, r.bundle_version_id, r.logical_date, r.backfill_id FROM dag_run r
  WHERE r.tenant_id = (SELECT app.tenant()) AND r.id = ANY(%(runs)s::uuid[])
), template AS MATERIALIZED (
  SELECT * FROM dag_task d
  WHERE d.tenant_id = (SELECT app.tenant()) AND d.dag_version_id = %(version)s::uuid
), had AS MATERIALIZED (
  SELECT DISTINCT ti.task_id FROM run
  JOIN task_instance ti ON ti.tenant_id = (SELECT app.tenant()) AND ti.dag_run_id = run.id
), place AS MATERIALIZED (
  SELECT had.task_id, t.task_index, t.trigger_rule, t.is_mapped
  FROM had LEFT JOIN LATERAL (
    SELECT * FROM template WHERE template.task_id = had.task_id OFFSET 0) t ON true
), moved AS (
  UPDATE task_instance ti
  SET task_index = coalesce(place.task_index, -1),
      dag_version_id = CASE WHEN place.task_index IS NULL THEN ti.dag_version_id ELSE %(version)s::uuid END,
      trigger_rule = coalesce(place.trigger_rule, ti.trigger_rule),
      is_mapped = CASE WHEN ti.map_index < 0 THEN coalesce(place.is_mapped, ti.is_mapped) ELSE ti.is_mapped END,
      state = CASE WHEN place.task_index IS NOT NULL AND ti.state = 'removed' AND ti.task_index < 0 THEN NULL
                   ELSE ti.state END,
      ran_version_id = CASE WHEN ti.try_number > 0 THEN coalesce(ti.ran_version_id, ti.dag_version_id) END,
      ran_bundle_id = CASE WHEN ti.try_number > 0 THEN coalesce(ti.ran_bundle_id, run.bundle_version_id) END
  FROM run, place
  WHERE ti.tenant_id = (SELECT app.tenant()) AND ti.dag_run_id = run.id AND ti.task_id = place.task_id
  RETURNING ti.id, ti.task_id, ti.state, ti.task_index
), added AS (
  INSERT INTO task_instance (
    id, tenant_id, dag_run_id, dag_version_id, dag_id, run_id, task_id, task_index, map_index, is_mapped, map_lengths,
    max_tries, trigger_rule, upstream_total, upstream_setup_total, pool, pool_slots, queue, executor, priority_weight,
    operator, yields)
  SELECT app.uuid7(), (SELECT app.tenant()), run.id, t.dag_version_id, run.dag_id, run.run_id,
    t.task_id, t.task_index, m.map_index, t.is_mapped,
    CASE WHEN cardinality(t.known_lengths) > 1 THEN t.known_lengths END, t.max_tries, t.trigger_rule, t.upstream_count,
    t.setup_upstream_count, t.pool, t.pool_slots, t.queue, t.executor, t.priority_weight, t.operator,
    run.backfill_id IS NOT NULL
  FROM run CROSS JOIN template t
  CROSS JOIN LATERAL generate_series(
    CASE WHEN 0 = ANY(t.known_lengths) OR t.known_lengths IS NULL THEN -1 ELSE 0 END,
    CASE WHEN 0 = ANY(t.known_lengths) OR t.known_lengths IS NULL THEN -1 ELSE t.first_count - 1 END) AS m(map_index)
  WHERE NOT EXISTS (
      SELECT FROM task_instance o
      WHERE o.tenant_id = (SELECT app.tenant()) AND o.dag_run_id = run.id AND o.task_id = t.task_id)
    AND (run.logical_date IS NULL OR run.backfill_id IS NOT NULL
         OR coalesce(t.start_date <= run.logical_date, true) AND coalesce(t.end_date >= run.logical_date, true))
), onto AS (
  UPDATE dag_run r
  SET dag_version_id = %(version)s::uuid, bundle_version_id = %(bundle)s::uuid,
      runtime_digest = %(runtime_digest)s::text,
      deployment_id = (
        SELECT d.id FROM deployment d
        WHERE d.tenant_id = (SELECT app.tenant()) AND d.bundle_version_id = %(bundle)s::uuid
          AND d.activated_at IS NOT NULL
        ORDER BY d.number DESC LIMIT 1)
  FROM run WHERE r.id = run.id AND r.tenant_id = (SELECT app.tenant())
)
SELECT id, task_id, state FROM moved WHERE task_index < 0
