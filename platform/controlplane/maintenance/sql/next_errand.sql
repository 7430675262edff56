-- Purpose: how long until anybody has to go. Locks: none. Index: errand_due. Bound: 1 row.
-- Rows out: (seconds from `now`, which may be negative).
SELECT extract(epoch FROM greatest(due_at, coalesce(claimed_until, due_at)) - %(now)s::timestamptz)::float8
FROM errand ORDER BY greatest(due_at, coalesce(claimed_until, due_at)) LIMIT 1
