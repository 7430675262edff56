-- Purpose: runs of these DAGs succeeded: alerts that waited for that lose the DAG, and end when they wait for none.
-- Locks: the alerts, in id order. Index: alert_going_on. Bound: open alerts. Rows out: (id, was told) of those that ended.
WITH hit AS MATERIALIZED (
  SELECT a.id FROM alert a
  WHERE a.tenant_id = (SELECT app.tenant()) AND a.state <> 'resolved' AND a.kind = ANY (%(kinds)s::text[])
    AND a.dags ?| %(dags)s::text[]
  ORDER BY a.id FOR NO KEY UPDATE
), left_over AS (
  UPDATE alert a SET
    dags = a.dags - %(dags)s::text[],
    state = CASE WHEN a.dags - %(dags)s::text[] = '[]' THEN 'resolved' ELSE a.state END,
    resolved_at = CASE WHEN a.dags - %(dags)s::text[] = '[]' THEN %(now)s::timestamptz END,
    resolved_by = CASE WHEN a.dags - %(dags)s::text[] = '[]' THEN 'a success' END,
    tell_at = CASE WHEN a.dags - %(dags)s::text[] = '[]' THEN NULL ELSE a.tell_at END
  FROM hit WHERE a.id = hit.id AND a.tenant_id = (SELECT app.tenant())
  RETURNING a.id, a.state, a.notified_at
)
SELECT id, notified_at IS NOT NULL FROM left_over WHERE state = 'resolved'
