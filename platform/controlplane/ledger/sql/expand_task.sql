-- Purpose: a mapped task instance becomes `length` instances, all scheduled, and those who wait count them.
-- Locks: the instance, its run, its direct downstream. Index: task_instance_place. Bound: length.
-- Rows out: (id) of the new instances, index 0 being the old row. `length` >= 1.
WITH seed AS (
  UPDATE task_instance ti
  SET map_index = 0, state = 'scheduled', scheduled_at = %(now)s::timestamptz, try_number = 1
  WHERE ti.id = %(id)s::uuid AND ti.tenant_id = (SELECT app.tenant()) AND ti.state IS NULL AND ti.map_index = -1
  RETURNING ti.*
), more AS (
  INSERT INTO task_instance (
    id, tenant_id, dag_run_id, dag_version_id, dag_id, run_id, task_id, task_index, map_index, is_mapped, state,
    scheduled_at, try_number, max_tries, trigger_rule, upstream_total, upstream_success, upstream_failed,
    upstream_upstream_failed, upstream_skipped, upstream_removed, upstream_setup_total, upstream_setup_success,
    upstream_setup_skipped, pool, pool_slots, queue, executor, priority_weight, operator)
  SELECT app.uuid7(), s.tenant_id, s.dag_run_id, s.dag_version_id, s.dag_id, s.run_id, s.task_id, s.task_index,
    n, true, 'scheduled', %(now)s::timestamptz, 1, s.max_tries, s.trigger_rule, s.upstream_total,
    s.upstream_success, s.upstream_failed, s.upstream_upstream_failed, s.upstream_skipped, s.upstream_removed,
    s.upstream_setup_total, s.upstream_setup_success, s.upstream_setup_skipped, s.pool, s.pool_slots, s.queue,
    s.executor, s.priority_weight, s.operator
  FROM seed s, generate_series(1, %(length)s::int - 1) AS n
  RETURNING id
), counted AS (
  UPDATE dag_run r SET unfinished = r.unfinished + %(length)s::int - 1
  FROM seed s WHERE r.id = s.dag_run_id AND r.tenant_id = s.tenant_id
), below AS (
  UPDATE task_instance d SET upstream_total = d.upstream_total + %(length)s::int - 1
  FROM seed s
  JOIN dag_task t ON t.tenant_id = s.tenant_id AND t.dag_version_id = s.dag_version_id AND t.task_index = s.task_index
  WHERE d.tenant_id = s.tenant_id AND d.dag_run_id = s.dag_run_id AND d.task_index = ANY(t.downstream)
    AND d.state IS NULL
)
SELECT id FROM seed UNION ALL SELECT id FROM more
