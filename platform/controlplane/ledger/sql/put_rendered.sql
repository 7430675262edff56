-- Purpose: rendered template fields of attempts that still run. Bound: the arrays.
INSERT INTO rendered_field (id, tenant_id, fields)
SELECT ti.id, ti.tenant_id, x.fields
FROM (
  SELECT DISTINCT ON (id) * FROM unnest(%(ids)s::uuid[], %(epochs)s::int[], %(fields)s::jsonb[])
    WITH ORDINALITY AS x(id, epoch, fields, n)
  ORDER BY id, n DESC
) x
JOIN task_instance ti ON ti.id = x.id AND ti.epoch = x.epoch AND ti.tenant_id = (SELECT app.tenant())
                     AND ti.state = 'running'
ON CONFLICT (id) DO UPDATE SET fields = excluded.fields
