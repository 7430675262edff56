-- Purpose: be, or stay, the one process that asks for periodic work. Locks: 1 row. Index: primary key. Bound: 1 row.
-- Rows out: (name) when this process holds the lease now, nothing when another one does.
INSERT INTO periodic_job (name, lease_owner, lease_until)
VALUES ('beat', %(owner)s::text, clock_timestamp() + make_interval(secs => %(seconds)s::float8))
ON CONFLICT (name) DO UPDATE SET lease_owner = excluded.lease_owner, lease_until = excluded.lease_until
WHERE periodic_job.lease_owner = excluded.lease_owner OR periodic_job.lease_until < clock_timestamp()
  OR periodic_job.lease_until IS NULL
RETURNING name
