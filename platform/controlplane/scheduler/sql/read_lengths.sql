-- Purpose: how long the XComs of these tasks are, for mapping over them. A mapped upstream counts its
-- instances that pushed. Locks: none. Index: xcom_uk. Rows out: (task_id, key, length or NULL).
SELECT task_id, key,
       CASE WHEN min(map_index) >= 0 THEN count(*)::int ELSE max(mapped_length) END
FROM xcom
WHERE tenant_id = (SELECT app.tenant()) AND dag_run_id = %(dag_run)s::uuid
  AND task_id = ANY(%(task_ids)s::text[])
GROUP BY task_id, key
