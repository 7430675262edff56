-- Purpose: how runs ended from one counted day to before another, per DAG, and of all ('' as name).
-- Locks: none. Index: run_day_uk. Bound: the days asked for.
-- Rows out: (dag_id, succeeded, failed, unfinished, deadlines_missed), most failures first.
SELECT dag_id, sum(succeeded)::int, sum(failed)::int, sum(unfinished)::int, sum(deadlines_missed)::int
FROM run_day
WHERE tenant_id = (SELECT app.tenant()) AND day >= %(first)s::date AND day < %(last)s::date
GROUP BY dag_id ORDER BY 3 DESC, 2 DESC, 1
