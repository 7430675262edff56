-- Purpose: aliases that DAGs or tasks speak of exist. Known ones take the group when `overwrite` says so.
-- Locks: lock_assets.sql was run before; the aliases that change. Index: asset_alias_name_uk. Bound: the arrays.
WITH said AS MATERIALIZED (
  SELECT DISTINCT ON (name) * FROM unnest(%(names)s::text[], %(groups)s::text[]) AS s(name, "group")
  ORDER BY name
), fresh AS MATERIALIZED (
  SELECT *, row_number() OVER (ORDER BY name) AS n FROM said
  WHERE NOT EXISTS (SELECT FROM asset_alias a WHERE a.tenant_id = (SELECT app.tenant()) AND a.name = said.name)
), numbers AS (
  INSERT INTO serial (id, tenant_id, name, last)
  SELECT app.uuid7(), (SELECT app.tenant()), 'asset_alias', count(*) FROM fresh
  ON CONFLICT (tenant_id, name) DO UPDATE SET last = serial.last + excluded.last
  RETURNING last
), changed AS (
  UPDATE asset_alias a SET "group" = said."group" FROM said
  WHERE %(overwrite)s::bool AND a.tenant_id = (SELECT app.tenant()) AND a.name = said.name
    AND a."group" <> said."group"
)
INSERT INTO asset_alias (id, tenant_id, serial, name, "group")
SELECT app.uuid7(), (SELECT app.tenant()), numbers.last - (SELECT count(*) FROM fresh) + n, name, "group"
FROM fresh, numbers
