-- Purpose: one run of a job begins, unless another one goes on. Locks: 1 row. Index: primary key. Bound: 1 row.
-- Rows out: (fence) when it begins.
INSERT INTO periodic_job (name, asked_at, started_at, fence, lease_owner, lease_until)
VALUES (%(name)s::text, clock_timestamp(), clock_timestamp(), 1, %(owner)s::text,
        clock_timestamp() + make_interval(secs => %(seconds)s::float8))
ON CONFLICT (name) DO UPDATE SET
  started_at = clock_timestamp(), fence = periodic_job.fence + 1, lease_owner = excluded.lease_owner,
  lease_until = excluded.lease_until
WHERE periodic_job.lease_until IS NULL OR periodic_job.lease_until < clock_timestamp()
RETURNING fence
