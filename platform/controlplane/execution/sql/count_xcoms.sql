-- Purpose: how many map indexes of a task have this key, in this run or in all up to it.
-- Locks: none. Index: dag_run_run_id_uk or dag_run_recent, then xcom_uk. Bound: 1 row.
SELECT count(*)
FROM dag_run here
JOIN dag_run r ON r.tenant_id = here.tenant_id AND r.dag_id = here.dag_id
  AND (r.id = here.id OR %(with_earlier_runs)s::boolean
       AND coalesce(r.logical_date, r.run_after) <= coalesce(here.logical_date, here.run_after))
JOIN xcom x ON x.tenant_id = r.tenant_id AND x.dag_run_id = r.id AND x.task_id = %(task_id)s::text
  AND x.key = %(key)s::text
WHERE here.tenant_id = (SELECT app.tenant()) AND here.dag_id = %(dag_id)s::text
  AND here.run_id = %(run_id)s::text
