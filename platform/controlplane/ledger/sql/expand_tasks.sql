-- Purpose: mapped task instances become as many as their input is long, and those who count them know. They are
-- scheduled at once, or weighed again one by one (weigh_tasks.sql) when each index has upstreams of its own, or a past.
-- Locks: the instances, their runs, their direct downstream. Index: task_instance_place. Bound: the lengths' sum.
-- Rows out: (id, state, whether it is the old row) of all instances, index 0 being the old row. Lengths are >= 1.
WITH said AS (
  SELECT * FROM unnest(%(ids)s::uuid[], %(lengths)s::int[], %(nested)s::jsonb[], %(again)s::bool[])
    AS s(id, length, nested, again)
), seed AS (
  UPDATE task_instance ti
  SET map_index = 0,
      map_lengths = CASE WHEN said.nested IS NOT NULL
                         THEN ARRAY(SELECT n::int FROM jsonb_array_elements_text(said.nested) AS e(n)) END,
      state = CASE WHEN said.again OR t.past_rule > 0 THEN NULL WHEN t.is_empty THEN 'success' ELSE 'scheduled' END,
      scheduled_at = CASE WHEN NOT (said.again OR t.past_rule > 0) THEN %(now)s::timestamptz END,
      try_number = ti.try_number + CASE WHEN said.again OR t.past_rule > 0 THEN 0 ELSE 1 END,
      start_date = CASE WHEN t.is_empty AND NOT (said.again OR t.past_rule > 0) THEN %(now)s::timestamptz END,
      end_date = CASE WHEN t.is_empty AND NOT (said.again OR t.past_rule > 0) THEN %(now)s::timestamptz END
  FROM said, dag_task t
  WHERE ti.id = said.id AND ti.tenant_id = (SELECT app.tenant()) AND ti.state IS NULL AND ti.map_index = -1
    AND t.tenant_id = ti.tenant_id AND t.dag_version_id = ti.dag_version_id AND t.task_index = ti.task_index
  RETURNING ti.*, said.length, t.counts_into, t.is_setup
), more AS (
  INSERT INTO task_instance (
    id, tenant_id, dag_run_id, dag_version_id, dag_id, run_id, task_id, task_index, map_index, map_lengths, is_mapped,
    state, scheduled_at, start_date, end_date, try_number, max_tries, trigger_rule, upstream_total, upstream_success,
    upstream_failed, upstream_upstream_failed, upstream_skipped, upstream_removed, upstream_setup_total,
    upstream_setup_success, upstream_setup_skipped, pool, pool_slots, queue, executor, priority_weight, operator,
    yields)
  SELECT app.uuid7(), s.tenant_id, s.dag_run_id, s.dag_version_id, s.dag_id, s.run_id, s.task_id, s.task_index,
    n, s.map_lengths, true, s.state, s.scheduled_at, s.start_date, s.end_date, s.try_number, s.max_tries,
    s.trigger_rule, s.upstream_total, s.upstream_success, s.upstream_failed, s.upstream_upstream_failed,
    s.upstream_skipped, s.upstream_removed, s.upstream_setup_total, s.upstream_setup_success,
    s.upstream_setup_skipped, s.pool, s.pool_slots, s.queue, s.executor, s.priority_weight, s.operator, s.yields
  FROM seed s, generate_series(1, s.length - 1) AS n
  RETURNING id, state
), counted AS (
  UPDATE dag_run r SET unfinished = r.unfinished + s.n
  FROM (SELECT dag_run_id, sum(length - 1)::int AS n FROM seed GROUP BY dag_run_id) s
  WHERE r.id = s.dag_run_id AND r.tenant_id = (SELECT app.tenant())
), below AS (
  UPDATE task_instance d
  SET upstream_total = d.upstream_total + s.n, upstream_setup_total = d.upstream_setup_total + s.setups
  FROM (
    SELECT dag_run_id, u.task_index, sum(length - 1)::int AS n,
           coalesce(sum(length - 1) FILTER (WHERE is_setup), 0)::int AS setups
    FROM seed, unnest(counts_into) AS u(task_index) GROUP BY dag_run_id, u.task_index
  ) s
  WHERE d.tenant_id = (SELECT app.tenant()) AND d.dag_run_id = s.dag_run_id AND d.task_index = s.task_index
    AND d.state IS NULL
)
SELECT id, state, true FROM seed UNION ALL SELECT id, state, false FROM more
