-- Purpose: instances of these runs were cleared: runs that are over are queued again; all count the clear, and their
-- deadlines are computed anew. Locks: the runs, held already. Bound: the runs given. Rows out: (id, state).
WITH again AS (
  UPDATE dag_run r
  SET clear_number = r.clear_number + 1, queued_at = %(now)s::timestamptz,
      state = CASE WHEN r.state IN ('success', 'failed') THEN 'queued' ELSE r.state END,
      start_date = CASE WHEN r.state IN ('success', 'failed') THEN NULL ELSE r.start_date END,
      end_date = CASE WHEN r.state IN ('success', 'failed') THEN NULL ELSE r.end_date END,
      last_scheduling_decision =
        CASE WHEN r.state IN ('success', 'failed') THEN NULL ELSE r.last_scheduling_decision END,
      fails_by = CASE WHEN r.state IN ('success', 'failed') THEN NULL ELSE r.fails_by END
  WHERE r.tenant_id = (SELECT app.tenant()) AND r.id = ANY(%(runs)s::uuid[])
  RETURNING r.id, r.state, r.dag_version_id
), watched AS (
  INSERT INTO work_item (tenant_id, kind, ref, due_at)
  SELECT (SELECT app.tenant()), 'watch', again.id, least(%(now)s::timestamptz, clock_timestamp())
  FROM again CROSS JOIN LATERAL (
    SELECT has_deadlines FROM dag_version v
    WHERE v.tenant_id = (SELECT app.tenant()) AND v.id = again.dag_version_id OFFSET 0) v
  WHERE v.has_deadlines
)
SELECT id, state FROM again
