-- Purpose: contents of DAGs that nothing kept has: not what new runs are made of, and no run, task instance, try or
-- callback names it. Locks: none; who deletes looks again at what may have changed. Index: dag_version_number_uk, and of
-- the others those that begin with the DAG. Bound: `batch`. Rows out: (dag version).
SELECT v.id FROM dag_version v
WHERE v.tenant_id = (SELECT app.tenant()) AND v.created_at < %(before)s::timestamptz
  AND NOT EXISTS (SELECT FROM dag d WHERE d.tenant_id = v.tenant_id AND d.current_version_id = v.id)
  AND NOT EXISTS (
    SELECT FROM dag_run r WHERE r.tenant_id = v.tenant_id AND r.dag_id = v.dag_id AND r.dag_version_id = v.id)
  AND NOT EXISTS (
    SELECT FROM task_instance ti
    WHERE ti.tenant_id = v.tenant_id AND ti.dag_id = v.dag_id AND ti.dag_version_id = v.id)
  AND NOT EXISTS (
    SELECT FROM task_instance ti
    JOIN task_try y ON y.tenant_id = ti.tenant_id AND y.task_instance_id = ti.id AND y.dag_version_id = v.id
    WHERE ti.tenant_id = v.tenant_id AND ti.dag_id = v.dag_id)
  AND NOT EXISTS (SELECT FROM callback c WHERE c.tenant_id = v.tenant_id AND c.dag_version_id = v.id)
ORDER BY v.id LIMIT %(batch)s::int
