-- Purpose: what was used from one UTC day to before another, per DAG, task or day (what is not asked for is NULL), with
-- what is not counted yet; as each sums rows of `attempt_usage` once, the answer is that of the rows at any instant.
-- Locks: none. Index: usage_day_uk, attempt_usage_open, usage_storage_uk. Bound: the days asked for; `most` rows.
-- Rows out: (day, dag_id, task_id, attempts, task_us, cpu_us, memory_mib_us, storage_byte_days).
SELECT CASE WHEN %(by)s::text = 'day' THEN day END AS by_day,
       CASE WHEN %(by)s::text IN ('dag', 'task') THEN dag_id END AS by_dag,
       CASE WHEN %(by)s::text = 'task' THEN task_id END AS by_task,
       sum(attempts)::bigint, sum(task_us)::bigint AS used, sum(cpu_us)::bigint, sum(memory_mib_us)::bigint,
       sum(byte_days)::bigint
FROM (
  SELECT day, dag_id, task_id, attempts, task_us, cpu_us, memory_mib_us, 0::bigint AS byte_days FROM usage_day
  WHERE tenant_id = (SELECT app.tenant()) AND day >= %(first)s::date AND day < %(last)s::date
  UNION ALL
  SELECT (ended_at AT TIME ZONE 'UTC')::date, dag_id, task_id, CASE kind WHEN 'held' THEN 1 ELSE 0 END, task_us, cpu_us,
         memory_mib_us, 0
  FROM attempt_usage
  WHERE tenant_id = (SELECT app.tenant()) AND NOT is_counted
    AND ended_at >= %(first)s::date::timestamp AT TIME ZONE 'UTC'
    AND ended_at < %(last)s::date::timestamp AT TIME ZONE 'UTC'
  UNION ALL
  SELECT day, dag_id, '', 0, 0, 0, 0, bytes FROM usage_storage
  WHERE tenant_id = (SELECT app.tenant()) AND day >= %(first)s::date AND day < %(last)s::date
) u
WHERE %(dag)s::text IS NULL OR dag_id = %(dag)s::text
GROUP BY by_day, by_dag, by_task
ORDER BY used DESC, by_day, by_dag, by_task
LIMIT %(most)s::int
