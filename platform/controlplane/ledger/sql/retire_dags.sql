-- Purpose: DAGs that the newest bundle neither has nor failed to parse are stale and plan nothing; those whose
-- file fails keep their last good version and say so.
-- Locks: the DAGs that change, then their plan items. Index: dag_dag_id_uk, work_item_uk.
-- Bound: the tenant's DAGs. Rows out: (dag_id) of those that became stale.
WITH judged AS (
  SELECT d.id, d.dag_id, d.is_stale,
    EXISTS (SELECT FROM unnest(%(failing)s::text[]) AS f(path)
            WHERE d.relative_fileloc = f.path OR starts_with(d.relative_fileloc, f.path || '/')) AS fails
  FROM dag d
  WHERE d.tenant_id = (SELECT app.tenant()) AND d.dag_id <> ALL (%(accepted)s::text[])
), kept AS (
  UPDATE dag d SET has_import_errors = true
  FROM judged j WHERE d.id = j.id AND d.tenant_id = (SELECT app.tenant()) AND j.fails AND NOT j.is_stale
), gone AS (
  UPDATE dag d
  SET is_stale = true, has_import_errors = false, next_logical_date = NULL, next_interval_start = NULL,
      next_interval_end = NULL, next_run_after = NULL
  FROM judged j WHERE d.id = j.id AND d.tenant_id = (SELECT app.tenant()) AND NOT j.fails AND NOT j.is_stale
  RETURNING d.id, d.dag_id
), unplanned AS (
  DELETE FROM work_item w USING gone
  WHERE w.tenant_id = (SELECT app.tenant()) AND w.kind = 'plan' AND w.ref = gone.id
)
SELECT dag_id FROM gone
