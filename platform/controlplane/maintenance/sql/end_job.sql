-- Purpose: a run of a job ended; a run that was given up for lost says nothing any more (fence). Locks: 1 row.
-- Index: primary key. Bound: 1 row. Rows out: (name) when it was noted.
UPDATE periodic_job SET
  ended_at = clock_timestamp(), lease_until = NULL, lease_owner = NULL, outcome = %(outcome)s::text,
  message = %(message)s::text, runs = runs + 1,
  failures = failures + CASE %(outcome)s::text WHEN 'failed' THEN 1 ELSE 0 END
WHERE name = %(name)s::text AND fence = %(fence)s::int
RETURNING name
