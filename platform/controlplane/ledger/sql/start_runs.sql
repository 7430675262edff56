-- Purpose: queued runs of these DAGs begin, oldest first, up to each DAG's max_active_runs. Those of a backfill
-- begin in its order and within its own bound, beside the others; a backfill that has none left is completed.
-- A tenant that has used its task-hours or hours of processor time of this month (`usage_month`, a minute old at most)
-- begins none before the next.
-- Locks: dag rows in id order, then dag_run rows, then backfills. Index: dag_run_waiting, dag_run_backfilling,
-- backfill_of_dag, backfill_active_uk. Bound: free places of the DAGs and of their backfills.
-- Rows out: (run row id, how many task instances it has to end; 0: it is over, whether it was changed by hand).
WITH spent AS MATERIALIZED (
  SELECT FROM usage_month u
  JOIN app.tenant_bound b ON b.tenant_id = u.tenant_id
  WHERE u.tenant_id = (SELECT app.tenant()) AND u.month = date_trunc('month', %(now)s::timestamptz AT TIME ZONE 'UTC')::date
    AND (u.task_us >= 3600000000 * least(
      (b.given ->> 'task_hours_per_month')::float8, (b.own ->> 'task_hours_per_month')::float8)
      OR u.cpu_us >= 3600000000 * least(
      (b.given ->> 'cpu_hours_per_month')::float8, (b.own ->> 'cpu_hours_per_month')::float8))
), waiting AS (
  INSERT INTO work_item (tenant_id, kind, ref, due_at)
  SELECT (SELECT app.tenant()), 'hours', d.id,
    (date_trunc('month', %(now)s::timestamptz AT TIME ZONE 'UTC') + interval '1 month') AT TIME ZONE 'UTC'
  FROM dag d
  WHERE d.tenant_id = (SELECT app.tenant()) AND d.id = ANY(%(dags)s::uuid[]) AND EXISTS (SELECT FROM spent)
    AND NOT EXISTS (
      SELECT FROM work_item w
      WHERE w.tenant_id = (SELECT app.tenant()) AND w.kind = 'hours' AND w.ref = d.id
        AND w.due_at > %(now)s::timestamptz)
), place AS (
  SELECT id, dag_id, max_active_runs - active_runs
    + (SELECT count(*) FROM dag_run r WHERE r.tenant_id = dag.tenant_id AND r.dag_id = dag.dag_id
         AND r.backfill_id IS NOT NULL AND r.state = 'running') AS free
  FROM dag
  WHERE tenant_id = (SELECT app.tenant()) AND id = ANY(%(dags)s::uuid[]) AND NOT is_paused
    AND NOT EXISTS (SELECT FROM spent)
  ORDER BY id FOR NO KEY UPDATE
), chosen AS (
  SELECT r.id, place.id AS dag_row FROM place
  CROSS JOIN LATERAL (
    SELECT id FROM dag_run
    WHERE tenant_id = (SELECT app.tenant()) AND dag_id = place.dag_id AND state = 'queued'
      AND backfill_id IS NULL AND NOT awaits_interval AND run_after <= %(now)s::timestamptz
    ORDER BY run_after, id LIMIT greatest(place.free, 0) FOR NO KEY UPDATE
  ) r
  UNION ALL
  SELECT r.id, place.id FROM place
  CROSS JOIN LATERAL (
    SELECT b.id, b.max_active_runs
      - (SELECT count(*) FROM dag_run r WHERE r.tenant_id = b.tenant_id AND r.dag_id = b.dag_id
           AND r.backfill_id = b.id AND r.state = 'running') AS free
    FROM backfill b
    WHERE b.tenant_id = (SELECT app.tenant()) AND b.dag_id = place.dag_id
      AND NOT (b.is_paused AND b.completed_at IS NULL) OFFSET 0
  ) b
  CROSS JOIN LATERAL (
    SELECT id FROM dag_run
    WHERE tenant_id = (SELECT app.tenant()) AND dag_id = place.dag_id AND state = 'queued'
      AND backfill_id = b.id AND run_after <= %(now)s::timestamptz
    ORDER BY backfill_ordinal, id LIMIT greatest(b.free, 0) FOR NO KEY UPDATE
  ) r
), completed AS (
  UPDATE backfill b SET completed_at = %(now)s::timestamptz, updated_at = %(now)s::timestamptz
  WHERE b.tenant_id = (SELECT app.tenant()) AND b.completed_at IS NULL
    AND b.dag_id IN (SELECT dag_id FROM dag WHERE tenant_id = (SELECT app.tenant()) AND id = ANY(%(dags)s::uuid[]))
    AND NOT EXISTS (
      SELECT FROM dag_run r WHERE r.tenant_id = b.tenant_id AND r.dag_id = b.dag_id AND r.backfill_id = b.id
                              AND r.state IN ('queued', 'running'))
), begun AS (
  UPDATE dag_run r
  SET state = 'running', start_date = coalesce(r.start_date, %(now)s::timestamptz),
      last_scheduling_decision = %(now)s::timestamptz
  FROM chosen WHERE r.id = chosen.id AND r.tenant_id = (SELECT app.tenant()) AND r.state = 'queued'
  RETURNING r.id, chosen.dag_row, r.unfinished, r.start_date, r.dag_version_id, r.epoch, r.lacks_tasks
), counted AS (
  UPDATE dag d SET active_runs = d.active_runs + c.n
  FROM (SELECT dag_row, count(*)::int AS n FROM begun GROUP BY dag_row) c
  WHERE d.id = c.dag_row AND d.tenant_id = (SELECT app.tenant())
), ends AS (
  INSERT INTO work_item (tenant_id, kind, ref, due_at)
  SELECT (SELECT app.tenant()), 'timeout', begun.id, begun.start_date + make_interval(secs => v.dagrun_timeout_seconds)
  FROM begun JOIN dag_version v ON v.id = begun.dag_version_id AND v.tenant_id = (SELECT app.tenant())
  WHERE v.dagrun_timeout_seconds IS NOT NULL
)
SELECT id, unfinished, epoch > 1, lacks_tasks FROM begun
