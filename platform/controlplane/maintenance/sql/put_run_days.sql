-- Purpose: the runs that were due on each day from one to before another, counted per DAG and for all: days that are not
-- counted yet, and those whose runs had not all ended. A day never loses runs that retention took since.
-- Locks: the rows of those days. Index: run_day_uk, dag_run_latest, deadline_due, dag_run_pkey.
-- Bound: runs and deadlines of those days. Rows out: (how many days).
WITH days AS MATERIALIZED (
  SELECT d::date AS day, d AT TIME ZONE 'UTC' AS begins,
         (d + interval '1 day') AT TIME ZONE 'UTC' AS ends
  FROM generate_series(%(first)s::date::timestamp, (%(last)s::date - 1)::timestamp, interval '1 day') AS d
  WHERE NOT EXISTS (
    SELECT FROM run_day r
    WHERE r.tenant_id = (SELECT app.tenant()) AND r.day = d::date AND r.dag_id = '' AND r.unfinished = 0)
), due AS MATERIALIZED (
  SELECT days.day, r.dag_id, count(*) FILTER (WHERE r.state = 'success') AS succeeded,
         count(*) FILTER (WHERE r.state = 'failed') AS failed,
         count(*) FILTER (WHERE r.state IN ('queued', 'running')) AS unfinished, 0::bigint AS missed
  FROM days JOIN dag_run r
    ON r.tenant_id = (SELECT app.tenant()) AND r.run_after >= days.begins AND r.run_after < days.ends
  GROUP BY 1, 2
  UNION ALL
  SELECT days.day, r.dag_id, 0, 0, 0, count(*)
  FROM days
  JOIN deadline d ON d.tenant_id = (SELECT app.tenant()) AND d.due_at >= days.begins AND d.due_at < days.ends
    AND d.missed_at IS NOT NULL
  JOIN dag_run r ON r.tenant_id = (SELECT app.tenant()) AND r.id = d.dag_run_id
  GROUP BY 1, 2
), put AS (
  INSERT INTO run_day AS k (id, tenant_id, day, dag_id, succeeded, failed, unfinished, deadlines_missed)
  SELECT app.uuid7(), (SELECT app.tenant()), day, dag_id, sum(succeeded), sum(failed), sum(unfinished), sum(missed)
  FROM (SELECT * FROM due UNION ALL SELECT day, '', succeeded, failed, unfinished, missed FROM due
        UNION ALL SELECT day, '', 0, 0, 0, 0 FROM days) every
  GROUP BY day, dag_id ORDER BY day, dag_id
  ON CONFLICT (tenant_id, day, dag_id) DO UPDATE SET
    succeeded = excluded.succeeded, failed = excluded.failed, unfinished = excluded.unfinished,
    deadlines_missed = greatest(k.deadlines_missed, excluded.deadlines_missed)
  WHERE excluded.succeeded + excluded.failed + excluded.unfinished >= k.succeeded + k.failed + k.unfinished
)
SELECT count(*)::int FROM days
