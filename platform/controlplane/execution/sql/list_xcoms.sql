-- Purpose: values of a key in the order of map indexes, forwards or backwards, of this run or of all up to it.
-- Locks: none. Index: dag_run_run_id_uk or dag_run_recent, then xcom_uk. Bound: %(limit)s::int rows.
SELECT x.value::text, x.kept_as
FROM dag_run here
JOIN dag_run r ON r.tenant_id = here.tenant_id AND r.dag_id = here.dag_id
  AND (r.id = here.id OR %(with_earlier_runs)s::boolean
       AND coalesce(r.logical_date, r.run_after) <= coalesce(here.logical_date, here.run_after))
JOIN xcom x ON x.tenant_id = r.tenant_id AND x.dag_run_id = r.id AND x.task_id = %(task_id)s::text
  AND x.key = %(key)s::text
WHERE here.tenant_id = (SELECT app.tenant()) AND here.dag_id = %(dag_id)s::text
  AND here.run_id = %(run_id)s::text
  AND (NOT %(skip_nulls)s::boolean OR x.value IS NOT NULL OR x.kept_as IS NOT NULL)
ORDER BY x.map_index * CASE WHEN %(backwards)s::boolean THEN -1 ELSE 1 END,
         coalesce(r.logical_date, r.run_after) DESC, x.timestamp DESC
LIMIT %(limit)s::int OFFSET %(offset)s::int
