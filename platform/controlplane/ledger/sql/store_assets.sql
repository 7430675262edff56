-- Purpose: assets that DAGs or tasks speak of exist. Numbered in the order given. Known ones take group and extra when `overwrite` says so.
-- Locks: lock_assets.sql was run before; the assets that change. Index: asset_name_uri_uk. Bound: the array.
-- Rows out: (name, uri) of those that are new.
WITH said AS MATERIALIZED (
  SELECT DISTINCT ON (name, uri) * FROM jsonb_to_recordset(%(assets)s::jsonb)
    AS s(n int, name text, uri text, "group" text, extra jsonb)
  ORDER BY name, uri, n
), fresh AS MATERIALIZED (
  SELECT said.*, row_number() OVER (ORDER BY said.n) AS place FROM said
  WHERE NOT EXISTS (SELECT FROM asset a WHERE a.tenant_id = (SELECT app.tenant())
                    AND a.name = said.name AND a.uri = said.uri)
), counted AS (
  UPDATE serial SET last = last + (SELECT count(*) FROM fresh)
  WHERE tenant_id = (SELECT app.tenant()) AND name = 'asset'
), changed AS (
  UPDATE asset a SET "group" = said."group", extra = said.extra, updated_at = %(now)s::timestamptz
  FROM said
  WHERE %(overwrite)s::bool AND a.tenant_id = (SELECT app.tenant()) AND a.name = said.name AND a.uri = said.uri
    AND (a."group", a.extra) IS DISTINCT FROM (said."group", said.extra)
)
INSERT INTO asset (id, tenant_id, serial, name, uri, "group", extra, is_active, created_at, updated_at)
SELECT app.uuid7(), (SELECT app.tenant()),
  (SELECT last FROM serial WHERE tenant_id = (SELECT app.tenant()) AND name = 'asset') + place,
  name, uri, "group", extra, false, %(now)s::timestamptz, %(now)s::timestamptz
FROM fresh
RETURNING name, uri
