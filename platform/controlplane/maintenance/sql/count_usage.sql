-- Purpose: attempts whose usage is not counted yet are added to their day and month, each exactly once: counted and
-- marked in one statement, so that the sums and the rows agree after every commit.
-- Locks: the rows, in id order, SKIP LOCKED; then days and the month in key order. Index: attempt_usage_open,
-- usage_day_uk, usage_month_uk. Bound: `batch`. Rows out: (how many).
WITH open_ones AS MATERIALIZED (
  SELECT id FROM attempt_usage
  WHERE tenant_id = (SELECT app.tenant()) AND NOT is_counted
  ORDER BY id LIMIT %(batch)s::int FOR UPDATE SKIP LOCKED
), counted AS (
  UPDATE attempt_usage u SET is_counted = true FROM open_ones o
  WHERE u.tenant_id = (SELECT app.tenant()) AND u.id = o.id AND NOT u.is_counted
  RETURNING u.dag_id, u.task_id, (u.ended_at AT TIME ZONE 'UTC')::date AS day, u.kind, u.task_us, u.cpu_us,
    u.memory_mib_us
), days AS (
  INSERT INTO usage_day AS d (id, tenant_id, day, dag_id, task_id, attempts, task_us, cpu_us, memory_mib_us)
  SELECT app.uuid7(), (SELECT app.tenant()), day, dag_id, task_id, count(*) FILTER (WHERE kind = 'held'),
    sum(task_us), sum(cpu_us), sum(memory_mib_us)
  FROM counted GROUP BY day, dag_id, task_id ORDER BY day, dag_id, task_id
  ON CONFLICT (tenant_id, day, dag_id, task_id) DO UPDATE SET
    attempts = d.attempts + excluded.attempts, task_us = d.task_us + excluded.task_us,
    cpu_us = d.cpu_us + excluded.cpu_us, memory_mib_us = d.memory_mib_us + excluded.memory_mib_us
), months AS (
  INSERT INTO usage_month AS m (id, tenant_id, month, attempts, task_us, cpu_us, memory_mib_us)
  SELECT app.uuid7(), (SELECT app.tenant()), date_trunc('month', day)::date, count(*) FILTER (WHERE kind = 'held'),
    sum(task_us), sum(cpu_us), sum(memory_mib_us)
  FROM counted GROUP BY date_trunc('month', day)::date ORDER BY 3
  ON CONFLICT (tenant_id, month) DO UPDATE SET
    attempts = m.attempts + excluded.attempts, task_us = m.task_us + excluded.task_us,
    cpu_us = m.cpu_us + excluded.cpu_us, memory_mib_us = m.memory_mib_us + excluded.memory_mib_us
)
SELECT count(*)::int FROM counted
