-- Purpose: one XCom of one task at one map index, of this run or of the latest one up to it.
-- Locks: none. Index: dag_run_run_id_uk or dag_run_recent, then xcom_uk. Bound: 1 row.
SELECT x.value::text, x.kept_as
FROM dag_run here
JOIN dag_run r ON r.tenant_id = here.tenant_id AND r.dag_id = here.dag_id
  AND (r.id = here.id OR %(with_earlier_runs)s::boolean
       AND coalesce(r.logical_date, r.run_after) <= coalesce(here.logical_date, here.run_after))
JOIN xcom x ON x.tenant_id = r.tenant_id AND x.dag_run_id = r.id AND x.task_id = %(task_id)s::text
  AND x.map_index = %(map_index)s::int AND x.key = %(key)s::text
WHERE here.tenant_id = (SELECT app.tenant()) AND here.dag_id = %(dag_id)s::text
  AND here.run_id = %(run_id)s::text
ORDER BY r.logical_date DESC, x.timestamp DESC
LIMIT 1
