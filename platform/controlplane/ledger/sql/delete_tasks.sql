-- Purpose: task instances are forgotten; what waits below them waits for so many fewer.
-- Before: as clear_tasks.sql. After: recount_runs.sql.
-- Locks: the instances (held), their direct downstream. Index: primary key; task_instance_place; workload_uk.
-- Bound: the ids given and what waits below. Rows out: (id).
WITH target AS MATERIALIZED (
  SELECT ti.id, ti.dag_run_id, t.counts_into, t.is_setup FROM task_instance ti
  LEFT JOIN LATERAL (
    SELECT counts_into, is_setup FROM dag_task d
    WHERE d.tenant_id = ti.tenant_id AND d.dag_version_id = ti.dag_version_id
      AND d.task_index = ti.task_index OFFSET 0) t ON true
  WHERE ti.tenant_id = (SELECT app.tenant()) AND ti.id = ANY(%(ids)s::uuid[])
), fewer AS MATERIALIZED (
  SELECT dag_run_id, d.task_index, count(*)::int AS n, count(*) FILTER (WHERE is_setup)::int AS setups
  FROM target, unnest(target.counts_into) AS d(task_index)
  GROUP BY dag_run_id, d.task_index
), below AS (
  UPDATE task_instance w
  SET upstream_total = greatest(w.upstream_total - fewer.n, 0),
      upstream_setup_total = greatest(w.upstream_setup_total - fewer.setups, 0)
  FROM fewer
  WHERE w.tenant_id = (SELECT app.tenant()) AND w.dag_run_id = fewer.dag_run_id
    AND w.task_index = fewer.task_index AND w.id <> ALL (%(ids)s::uuid[])
), given_up AS (
  DELETE FROM workload w USING target
  WHERE w.tenant_id = (SELECT app.tenant()) AND w.ref = target.id AND w.kind IN ('task', 'trigger')
  RETURNING w.ref, w.epoch, w.kind, w.claimed_at
), metered AS (
  INSERT INTO attempt_usage (id, tenant_id, kind, task_instance_id, epoch, dag_id, run_id, task_id, map_index,
    try_number, started_at, ended_at, task_us)
  SELECT app.uuid7(), (SELECT app.tenant()), 'held', ti.id, g.epoch, ti.dag_id, ti.run_id, ti.task_id, ti.map_index,
    ti.try_number, g.claimed_at, greatest(statement_timestamp(), g.claimed_at), greatest((extract(epoch FROM statement_timestamp() - g.claimed_at) * 1000000)::bigint, 0)
  FROM given_up g JOIN task_instance ti ON ti.id = g.ref AND ti.tenant_id = (SELECT app.tenant())
  WHERE g.kind = 'task' AND g.claimed_at IS NOT NULL
), forgotten AS (
  DELETE FROM work_item i
  WHERE i.tenant_id = (SELECT app.tenant()) AND (i.ref IN (SELECT id FROM target)) IS TRUE
)
DELETE FROM task_instance ti USING target
WHERE ti.id = target.id AND ti.tenant_id = (SELECT app.tenant())
RETURNING ti.id
