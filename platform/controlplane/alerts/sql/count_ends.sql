-- Purpose: how many runs of these DAGs ended within each window, and how many of them failed: burn rates.
-- Locks: none. Index: dag_run_recent. Bound: runs of the DAGs that were due within twice the longest window.
-- Rows out: (window seconds, failed, all).
SELECT w.seconds, count(*) FILTER (WHERE r.state = 'failed')::int, count(r.id)::int
FROM unnest(%(windows)s::int[]) AS w(seconds)
LEFT JOIN dag_run r ON r.tenant_id = (SELECT app.tenant()) AND r.dag_id = ANY (%(dags)s::text[])
  AND r.state IN ('success', 'failed')
  AND r.run_after > %(now)s::timestamptz - make_interval(secs => 2 * %(longest)s::int)
  AND r.end_date > %(now)s::timestamptz - make_interval(secs => w.seconds)
GROUP BY w.seconds
