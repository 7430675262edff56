-- Purpose: one XCom goes; the running task asks. Locks: the row. Index: dag_run_run_id_uk, xcom_uk. Bound: 1 row.
DELETE FROM xcom x
USING dag_run r, task_instance me
WHERE r.tenant_id = (SELECT app.tenant()) AND r.dag_id = %(dag_id)s::text AND r.run_id = %(run_id)s::text
  AND me.tenant_id = r.tenant_id AND me.id = %(by)s::uuid AND me.epoch = %(epoch)s::int
  AND x.tenant_id = r.tenant_id AND x.dag_run_id = r.id AND x.task_id = %(task_id)s::text
  AND x.map_index = %(map_index)s::int AND x.key = %(key)s::text
