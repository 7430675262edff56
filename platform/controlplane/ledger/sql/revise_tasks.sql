-- Purpose: mapped instances that were expanded in an earlier round may run again, and their input may have another
-- length now: indexes that are gone are removed, missing ones are made, and those that stay are scheduled.
-- Locks: the instances of these tasks, their runs, their direct downstream. Index: task_instance_place.
-- Bound: the instances of the tasks that `ids` are of. Instances that ended and were not cleared stay as they are.
-- Rows out: (id, state): state NULL is a new one, to be weighed. A NULL length leaves all indexes.
WITH said AS (
  SELECT ti.id, ti.dag_run_id, ti.dag_version_id, ti.task_index, ti.map_index, s.length
  FROM unnest(%(ids)s::uuid[], %(lengths)s::int[]) AS s(id, length)
  JOIN task_instance ti ON ti.id = s.id AND ti.tenant_id = (SELECT app.tenant()) AND ti.state IS NULL
), task AS MATERIALIZED (
  SELECT dag_run_id, dag_version_id, task_index, min(length) AS length, min(id::text)::uuid AS one FROM said
  GROUP BY dag_run_id, dag_version_id, task_index
), gone AS (
  UPDATE task_instance ti
  SET state = 'removed', start_date = %(now)s::timestamptz, end_date = %(now)s::timestamptz, held_reason = NULL,
      note = coalesce(ti.note, 'Removed: the input to map over has only ' || task.length || ' elements now.')
  FROM task
  WHERE ti.tenant_id = (SELECT app.tenant()) AND ti.dag_run_id = task.dag_run_id AND ti.task_index = task.task_index
    AND ti.map_index >= task.length AND ti.state IS NULL
  RETURNING ti.id, ti.state
), kept AS (
  UPDATE task_instance ti
  SET state = CASE WHEN t.is_empty THEN 'success' ELSE 'scheduled' END, scheduled_at = %(now)s::timestamptz,
      try_number = ti.try_number + 1,
      start_date = CASE WHEN t.is_empty THEN %(now)s::timestamptz END,
      end_date = CASE WHEN t.is_empty THEN %(now)s::timestamptz END
  FROM said, dag_task t
  WHERE ti.id = said.id AND ti.tenant_id = (SELECT app.tenant()) AND ti.state IS NULL
    AND (said.length IS NULL OR said.map_index < said.length)
    AND t.tenant_id = ti.tenant_id AND t.dag_version_id = ti.dag_version_id AND t.task_index = ti.task_index
  RETURNING ti.id, ti.state
), more AS (
  INSERT INTO task_instance (
    id, tenant_id, dag_run_id, dag_version_id, dag_id, run_id, task_id, task_index, map_index, map_lengths, is_mapped,
    max_tries, trigger_rule, upstream_total, upstream_setup_total, pool, pool_slots, queue, executor,
    priority_weight, operator, yields)
  SELECT app.uuid7(), s.tenant_id, s.dag_run_id, s.dag_version_id, s.dag_id, s.run_id, s.task_id, s.task_index,
    n, s.map_lengths, true, t.max_tries, s.trigger_rule, s.upstream_total, s.upstream_setup_total, s.pool,
    s.pool_slots, s.queue, s.executor, s.priority_weight, s.operator, s.yields
  FROM task
  JOIN task_instance s ON s.id = task.one AND s.tenant_id = (SELECT app.tenant())
  JOIN dag_task t ON t.tenant_id = s.tenant_id AND t.dag_version_id = s.dag_version_id AND t.task_index = s.task_index
  CROSS JOIN LATERAL generate_series(0, task.length - 1) AS n
  WHERE NOT EXISTS (
    SELECT FROM task_instance o
    WHERE o.tenant_id = s.tenant_id AND o.dag_run_id = s.dag_run_id AND o.task_id = s.task_id AND o.map_index = n)
  RETURNING id, state, dag_run_id, dag_version_id, task_index
), made AS (
  SELECT m.dag_run_id, t.counts_into, t.is_setup, count(*)::int AS n
  FROM more m
  JOIN dag_task t ON t.tenant_id = (SELECT app.tenant()) AND t.dag_version_id = m.dag_version_id
                 AND t.task_index = m.task_index
  GROUP BY m.dag_run_id, t.task_index, t.counts_into, t.is_setup
), counted AS (
  UPDATE dag_run r SET unfinished = r.unfinished + s.n
  FROM (SELECT dag_run_id, sum(n)::int AS n FROM made GROUP BY dag_run_id) s
  WHERE r.id = s.dag_run_id AND r.tenant_id = (SELECT app.tenant())
), below AS (
  UPDATE task_instance d
  SET upstream_total = d.upstream_total + s.n, upstream_setup_total = d.upstream_setup_total + s.setups
  FROM (
    SELECT dag_run_id, u.task_index, sum(n)::int AS n, coalesce(sum(n) FILTER (WHERE is_setup), 0)::int AS setups
    FROM made, unnest(counts_into) AS u(task_index) GROUP BY dag_run_id, u.task_index
  ) s
  WHERE d.tenant_id = (SELECT app.tenant()) AND d.dag_run_id = s.dag_run_id AND d.task_index = s.task_index
    AND d.state IS NULL
)
SELECT id, state FROM gone UNION ALL SELECT id, state FROM kept UNION ALL SELECT id, state FROM more
