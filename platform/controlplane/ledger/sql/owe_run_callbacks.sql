-- Purpose: runs that just got their final state have callbacks: each is owed once, and agents are told.
-- Before: the caller moved these runs in this transaction. Locks: none besides the rows made.
-- Index: callback_uk, task_instance_place. Bound: the runs given. Rows out: (run row id).
-- The task instance is the one that decided, as in Airflow: the last that failed, or the last that succeeded.
WITH over AS MATERIALIZED (
  SELECT r.id, r.dag_version_id, r.dag_id, r.run_id, r.state, o.reason
  FROM unnest(%(runs)s::uuid[], %(reasons)s::text[]) AS o(id, reason)
  JOIN dag_run r ON r.id = o.id AND r.tenant_id = (SELECT app.tenant())
  JOIN dag_version v ON v.id = r.dag_version_id AND v.tenant_id = r.tenant_id
  WHERE CASE r.state WHEN 'failed' THEN v.tells_failure WHEN 'success' THEN v.tells_success END
), owed AS (
  INSERT INTO callback (id, tenant_id, kind, ref, epoch, dag_run_id, task_instance_id, dag_version_id, dag_id,
    run_id, task_id, map_index, try_number, started_at, ended_at, hostname, reason, created_at)
  SELECT app.uuid7(), (SELECT app.tenant()), 'dag_' || CASE o.state WHEN 'failed' THEN 'failure' ELSE 'success' END,
    o.id, (SELECT count(*) FROM callback c WHERE c.tenant_id = (SELECT app.tenant()) AND c.ref = o.id)::int + 1,
    o.id, last.id, o.dag_version_id, o.dag_id, o.run_id, last.task_id, coalesce(last.map_index, -1),
    coalesce(last.try_number, 0), last.start_date, last.end_date, coalesce(last.hostname, ''), o.reason,
    %(now)s::timestamptz
  FROM over o
  LEFT JOIN LATERAL (
    SELECT ti.* FROM task_instance ti
    WHERE ti.tenant_id = (SELECT app.tenant()) AND ti.dag_run_id = o.id AND ti.state = o.state
    ORDER BY ti.end_date DESC NULLS LAST, ti.id LIMIT 1
  ) last ON true
  RETURNING id, ref
), told AS (
  INSERT INTO workload (id, tenant_id, kind, ref, epoch, dispatched_at)
  SELECT app.uuid7(), (SELECT app.tenant()), 'callback', id, 1, %(now)s::timestamptz FROM owed
  RETURNING pg_notify('orders', '')
)
SELECT ref FROM owed
