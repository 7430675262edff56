-- Purpose: retries and reschedules whose time has come are scheduled again; a retry is a new try.
-- Locks: the instances. Index: primary key. Bound: the ids given. Rows out: (NULL, NULL) per promoted one; then
-- (dag_id, why) once per DAG of which some wait.
-- A tenant may bound how many retries begin in an hour of the clock: those above it wait for the next, and say so. How
-- many began is kept (`retry_spend`) only where there is a bound.
WITH bound AS MATERIALIZED (
  SELECT least((b.given ->> 'retries_per_hour')::float8, (b.own ->> 'retries_per_hour')::float8)::int AS most,
    coalesce((SELECT r.spent FROM retry_spend r WHERE r.tenant_id = b.tenant_id
                AND r.hour = date_trunc('hour', %(now)s::timestamptz)), 0) AS spent
  FROM app.tenant_bound b WHERE b.tenant_id = (SELECT app.tenant())
), ranked AS MATERIALIZED ( -- without a bound nothing is looked up twice
  SELECT ti.id, row_number() OVER (ORDER BY ti.due_at, ti.id) AS n
  FROM bound CROSS JOIN unnest(%(ids)s::uuid[]) AS i(id)
  JOIN task_instance ti ON ti.id = i.id AND ti.tenant_id = (SELECT app.tenant())
    AND ti.state = 'up_for_retry' AND ti.due_at <= %(now)s::timestamptz
  WHERE bound.most IS NOT NULL
), late AS MATERIALIZED (
  SELECT ranked.id FROM ranked CROSS JOIN bound WHERE ranked.n > bound.most - bound.spent
), promoted AS (
  UPDATE task_instance ti
  SET state = 'scheduled', scheduled_at = %(now)s::timestamptz, due_at = NULL, held_reason = NULL,
      try_number = ti.try_number + CASE WHEN ti.state = 'up_for_retry' THEN 1 ELSE 0 END
  FROM unnest(%(ids)s::uuid[]) AS i(id)
  WHERE ti.id = i.id AND ti.tenant_id = (SELECT app.tenant())
    AND ti.state IN ('up_for_retry', 'up_for_reschedule') AND ti.due_at <= %(now)s::timestamptz
    AND ti.id NOT IN (SELECT id FROM late)
  RETURNING ti.id
), postponed AS (
  UPDATE task_instance ti
  SET due_at = date_trunc('hour', %(now)s::timestamptz) + interval '1 hour',
      held_reason = 'retry_budget: the tenant began its ' || bound.most || ' retries of this hour, the next may begin at '
        || to_char((date_trunc('hour', %(now)s::timestamptz) + interval '1 hour') AT TIME ZONE 'UTC', 'HH24:MI') || ' UTC'
  FROM late CROSS JOIN bound
  WHERE ti.id = late.id AND ti.tenant_id = (SELECT app.tenant())
    AND ti.state = 'up_for_retry' AND ti.due_at <= %(now)s::timestamptz
  RETURNING ti.id, ti.due_at, ti.dag_id, ti.held_reason
), items AS (
  INSERT INTO work_item (tenant_id, kind, ref, due_at) SELECT (SELECT app.tenant()), 'due', id, due_at FROM postponed
), kept AS (
  INSERT INTO retry_spend AS r (id, tenant_id, hour, spent)
  SELECT app.uuid7(), (SELECT app.tenant()), date_trunc('hour', %(now)s::timestamptz), count(*)
  FROM promoted WHERE promoted.id IN (SELECT id FROM ranked)
  HAVING count(*) > 0
  ON CONFLICT (tenant_id) DO UPDATE SET hour = excluded.hour,
    spent = excluded.spent + CASE WHEN r.hour = excluded.hour THEN r.spent ELSE 0 END
)
SELECT NULL AS dag_id, NULL AS why FROM promoted
UNION ALL
SELECT dag_id, min(held_reason) FROM postponed GROUP BY dag_id
