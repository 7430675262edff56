-- Purpose: instances of these runs were cleared: runs that are over are queued again; all count the clear.
-- Locks: the runs, held already. Bound: the runs given. Rows out: (id, state).
UPDATE dag_run r
SET clear_number = r.clear_number + 1, epoch = r.epoch + 1, queued_at = %(now)s::timestamptz,
    state = CASE WHEN r.state IN ('success', 'failed') THEN 'queued' ELSE r.state END,
    start_date = CASE WHEN r.state IN ('success', 'failed') THEN NULL ELSE r.start_date END,
    end_date = CASE WHEN r.state IN ('success', 'failed') THEN NULL ELSE r.end_date END,
    last_scheduling_decision =
      CASE WHEN r.state IN ('success', 'failed') THEN NULL ELSE r.last_scheduling_decision END,
    fails_by = CASE WHEN r.state IN ('success', 'failed') THEN NULL ELSE r.fails_by END
WHERE r.tenant_id = (SELECT app.tenant()) AND r.id = ANY(%(runs)s::uuid[])
RETURNING r.id, r.state
