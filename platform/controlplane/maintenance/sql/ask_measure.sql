-- Purpose: somebody measures what the tenant stores, once a day from now on, unless somebody does. Locks: none.
-- Index: errand_uk. Bound: 1 row. Rows out: (errand) when it is new.
INSERT INTO errand (id, tenant_id, kind, ref, due_at)
SELECT app.uuid7(), (SELECT app.tenant()), 'measure', (SELECT app.tenant()), %(now)s::timestamptz
WHERE NOT EXISTS (
  SELECT FROM errand
  WHERE tenant_id = (SELECT app.tenant()) AND kind = 'measure' AND ref = (SELECT app.tenant()))
ON CONFLICT (tenant_id, kind, ref) DO NOTHING
RETURNING id
