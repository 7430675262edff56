-- Purpose: runs whose last task instance ended get their state; their DAG may start another.
-- Locks: dag_run rows, then dag rows in id order. Bound: the runs given.
-- A run that must fail (`fails_by`: its time is over) does, whatever its tasks say.
-- Rows out: (run row id, dag_id, run_id, state, whether its DAG has a callback for that state, why).
WITH over AS (
  UPDATE dag_run r
  SET state = CASE WHEN r.failed_leaves > 0 OR r.fails_by IS NOT NULL THEN 'failed' ELSE 'success' END, end_date = %(now)s::timestamptz
  WHERE r.id = ANY(%(runs)s::uuid[]) AND r.tenant_id = (SELECT app.tenant())
    AND r.state = 'running' AND r.unfinished <= 0
  RETURNING r.id, r.dag_id, r.run_id, r.state, r.dag_version_id,
    coalesce(r.fails_by, CASE r.state WHEN 'failed' THEN 'task_failure' ELSE 'success' END) AS reason
), held AS MATERIALIZED (
  SELECT d.id, c.n FROM dag d
  JOIN (SELECT dag_id, count(*)::int AS n FROM over GROUP BY dag_id) c ON c.dag_id = d.dag_id
  WHERE d.tenant_id = (SELECT app.tenant())
  ORDER BY d.id FOR NO KEY UPDATE OF d
), freed AS (
  UPDATE dag d SET active_runs = greatest(d.active_runs - held.n, 0)
  FROM held WHERE d.id = held.id AND d.tenant_id = (SELECT app.tenant())
  RETURNING d.id
), next AS (
  INSERT INTO work_item (tenant_id, kind, ref, due_at)
  SELECT (SELECT app.tenant()), 'start_runs', id, %(now)s::timestamptz FROM freed
), signalled AS (
  -- Only where an enabled rule, or an alert that goes on, waits for it: one look into an index otherwise.
  INSERT INTO alert_signal (id, tenant_id, kind, ref, dag_id, detail, at)
  SELECT app.uuid7(), (SELECT app.tenant()), CASE o.state WHEN 'failed' THEN 'run_failed' ELSE 'run_succeeded' END,
    o.id, o.dag_id, jsonb_build_object('reason', o.reason), %(now)s::timestamptz
  FROM over o
  WHERE CASE o.state
    WHEN 'failed' THEN (SELECT EXISTS (SELECT FROM alert_rule a WHERE a.tenant_id = (SELECT app.tenant())
                                       AND a.is_enabled AND a.kind IN ('run_failed', 'error_budget')))
    ELSE (SELECT EXISTS (SELECT FROM alert_rule a WHERE a.tenant_id = (SELECT app.tenant()) AND a.is_enabled
                         AND a.kind = 'runtime_regression'))
      OR (SELECT EXISTS (SELECT FROM alert a WHERE a.tenant_id = (SELECT app.tenant()) AND a.state <> 'resolved'))
    END
  RETURNING id
), weighed AS (
  INSERT INTO work_item (tenant_id, kind, ref, due_at)
  SELECT (SELECT app.tenant()), 'alert', NULL, %(now)s::timestamptz WHERE EXISTS (SELECT FROM signalled)
)
SELECT id, dag_id, run_id, state,
       (SELECT CASE over.state WHEN 'failed' THEN v.tells_failure ELSE v.tells_success END
        FROM dag_version v WHERE v.id = over.dag_version_id AND v.tenant_id = (SELECT app.tenant())), reason
FROM over
