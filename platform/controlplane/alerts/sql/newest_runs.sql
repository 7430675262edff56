-- Purpose: when each DAG of the tenant last had a run, for rules about absent ones. Locks: none. Index: dag_run_recent.
-- Bound: the tenant's DAGs. Rows out: (dag_id, owners, tags, newest run's instant or when the DAG came).
SELECT d.dag_id, d.owners, d.tags, coalesce(newest.at, d.created_at)
FROM dag d
LEFT JOIN LATERAL (
  SELECT greatest(r.run_after, r.queued_at) AS at FROM dag_run r
  WHERE r.tenant_id = d.tenant_id AND r.dag_id = d.dag_id ORDER BY r.run_after DESC LIMIT 1
) newest ON true
WHERE d.tenant_id = (SELECT app.tenant())
ORDER BY d.dag_id
