-- Purpose: jobs that were asked for and not begun (the broker lost it), or begun and never ended (a process died).
-- Locks: none. Index: a table of a few dozen rows is read whole. Bound: 100 rows. Rows out: (name).
SELECT name FROM periodic_job
WHERE name <> 'beat' AND (lease_until IS NULL OR lease_until < clock_timestamp())
  AND asked_at < clock_timestamp() - make_interval(secs => %(seconds)s::float8)
  AND (asked_at > coalesce(started_at, '-infinity') OR started_at > coalesce(ended_at, '-infinity'))
ORDER BY asked_at LIMIT 100
