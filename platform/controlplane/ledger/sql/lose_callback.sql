-- Purpose: the agent of a callback is gone. One that had begun is lost, for its author's code may have run; one that
-- had not is given up when `give_up` says so. Locks: the workload, then the callback, as everybody here.
-- Index: workload_uk, primary key. Bound: 1 row. Rows out: (state now).
WITH held AS MATERIALIZED (
  SELECT w.id FROM workload w
  WHERE w.tenant_id = (SELECT app.tenant()) AND w.kind = 'callback' AND w.ref = %(id)s::uuid FOR UPDATE
)
UPDATE callback c
SET state = CASE c.state WHEN 'running' THEN 'lost' ELSE 'failed' END, message = %(message)s::text,
    done_at = %(now)s::timestamptz
WHERE c.id = %(id)s::uuid AND c.tenant_id = (SELECT app.tenant())
  AND (SELECT count(*) FROM held) >= 0
  AND (c.state = 'running' OR c.state = 'pending' AND %(give_up)s::bool)
RETURNING c.state
