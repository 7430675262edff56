-- Purpose: rendered fields of one attempt, also of one that just ended and renders again (Airflow's
-- `overwrite_rtif_after_execution`). Locks: the row. Index: primary keys. Bound: 1 row.
INSERT INTO rendered_field (id, tenant_id, fields)
SELECT ti.id, ti.tenant_id, %(fields)s::jsonb
FROM task_instance ti
WHERE ti.tenant_id = (SELECT app.tenant()) AND ti.id = %(id)s::uuid AND ti.epoch = %(epoch)s::int
ON CONFLICT (id) DO UPDATE SET fields = excluded.fields
RETURNING id
