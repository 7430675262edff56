-- Purpose: these jobs are due: note it before the broker is told, which may lose it. Locks: the rows. Index: primary key.
-- Bound: the names. Rows out: none.
INSERT INTO periodic_job (name, asked_at)
SELECT DISTINCT name, clock_timestamp() FROM unnest(%(names)s::text[]) AS n(name)
ON CONFLICT (name) DO UPDATE SET asked_at = excluded.asked_at
