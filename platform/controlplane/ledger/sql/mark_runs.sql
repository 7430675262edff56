-- Purpose: somebody says what state runs have. One that ran frees its place: `active_runs` of its DAG.
-- Locks: the runs, held already, then their DAGs in id order. Bound: the runs given.
-- Rows out: (id, state before, DAG's row id) of those that had another state.
WITH before AS MATERIALIZED (
  SELECT r.id, r.state, r.dag_id FROM dag_run r
  WHERE r.tenant_id = (SELECT app.tenant()) AND r.id = ANY(%(runs)s::uuid[]) AND r.state <> %(state)s::text
), marked AS (
  UPDATE dag_run r
  SET state = %(state)s::text, fails_by = NULL,
      queued_at = CASE WHEN %(state)s::text = 'queued' THEN %(now)s::timestamptz ELSE r.queued_at END,
      start_date = CASE WHEN %(state)s::text = 'queued' THEN NULL ELSE r.start_date END,
      end_date = CASE WHEN %(state)s::text = 'queued' THEN NULL
                      WHEN before.state IN ('queued', 'running') THEN %(now)s::timestamptz ELSE r.end_date END
  FROM before WHERE r.id = before.id AND r.tenant_id = (SELECT app.tenant())
  RETURNING r.id
), held AS MATERIALIZED (
  SELECT d.id, d.dag_id, c.n FROM dag d
  JOIN (SELECT dag_id, count(*) FILTER (WHERE state = 'running')::int AS n FROM before GROUP BY dag_id) c
    ON c.dag_id = d.dag_id
  WHERE d.tenant_id = (SELECT app.tenant())
  ORDER BY d.id FOR NO KEY UPDATE OF d
), freed AS (
  UPDATE dag d SET active_runs = greatest(d.active_runs - held.n, 0)
  FROM held WHERE d.id = held.id AND d.tenant_id = (SELECT app.tenant()) AND held.n > 0
)
SELECT before.id, before.state, held.id FROM before JOIN marked ON marked.id = before.id
LEFT JOIN held ON held.dag_id = before.dag_id
