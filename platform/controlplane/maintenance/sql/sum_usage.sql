-- Purpose: what the tenant used since the first day of a month: of all its DAGs ('' as name) and of the DAGs named,
-- with what is not counted yet. Bytes of storage are summed over days. Locks: none.
-- Index: usage_day_uk, attempt_usage_open, usage_storage_uk. Bound: the tenant's days of one month.
-- Rows out: (dag_id, task_us, cpu_us, memory_mib_us, storage_byte_days).
WITH used AS (
  SELECT dag_id, task_us, cpu_us, memory_mib_us, 0::numeric AS byte_days FROM usage_day
  WHERE tenant_id = (SELECT app.tenant()) AND day >= %(first)s::date
    AND day < (%(first)s::date + interval '1 month')::date
  UNION ALL
  SELECT dag_id, task_us, cpu_us, memory_mib_us, 0 FROM attempt_usage
  WHERE tenant_id = (SELECT app.tenant()) AND NOT is_counted
    AND ended_at >= %(first)s::date::timestamp AT TIME ZONE 'UTC'
    AND ended_at < (%(first)s::date + interval '1 month') AT TIME ZONE 'UTC'
  UNION ALL
  SELECT dag_id, 0, 0, 0, bytes FROM usage_storage
  WHERE tenant_id = (SELECT app.tenant()) AND day >= %(first)s::date
    AND day < (%(first)s::date + interval '1 month')::date
)
SELECT '', sum(task_us)::bigint, sum(cpu_us)::bigint, sum(memory_mib_us)::bigint, sum(byte_days)::bigint FROM used
HAVING count(*) > 0
UNION ALL
SELECT dag_id, sum(task_us)::bigint, sum(cpu_us)::bigint, sum(memory_mib_us)::bigint, sum(byte_days)::bigint FROM used
WHERE dag_id = ANY(%(dags)s::text[]) GROUP BY dag_id
