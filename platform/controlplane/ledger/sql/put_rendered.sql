-- Purpose: rendered template fields of attempts that run or have just ended. Bound: the arrays.
INSERT INTO rendered_field (id, tenant_id, fields)
SELECT ti.id, ti.tenant_id, x.fields
FROM (
  SELECT DISTINCT ON (id) * FROM unnest(%(ids)s::uuid[], %(epochs)s::int[], %(fields)s::jsonb[])
    WITH ORDINALITY AS x(id, epoch, fields, n)
  ORDER BY id, n DESC
) x
JOIN task_instance ti ON ti.id = x.id AND ti.epoch = x.epoch AND ti.tenant_id = (SELECT app.tenant())
                     AND ti.state IS NOT NULL AND ti.state NOT IN ('scheduled', 'queued')
ON CONFLICT (id) DO UPDATE SET fields = excluded.fields
