-- Purpose: the agent of a callback is gone. One that had begun is lost, for its author's code may have run; one that
-- had not is given up when `give_up` says so. Before: the caller holds the workload. Locks: the callback.
-- Index: primary key. Bound: 1 row. Rows out: (state now).
UPDATE callback c
SET state = CASE c.state WHEN 'running' THEN 'lost' ELSE 'failed' END, message = %(message)s::text,
    done_at = %(now)s::timestamptz
WHERE c.id = %(id)s::uuid AND c.tenant_id = (SELECT app.tenant())
  AND (c.state = 'running' OR c.state = 'pending' AND %(give_up)s::bool)
RETURNING c.state
