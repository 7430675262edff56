-- Purpose: aliases are resolved to assets, by the events that went through them. Bound: the arrays.
-- Locks: lock_assets.sql was run before. Index: asset_alias_name_uk, asset_name_uri_uk. Rows out: one per new link.
INSERT INTO asset_alias_asset (id, tenant_id, alias_id, asset_id)
SELECT app.uuid7(), (SELECT app.tenant()), l.id, a.id
FROM (SELECT DISTINCT * FROM unnest(%(aliases)s::text[], %(names)s::text[], %(uris)s::text[]) AS s(alias, name, uri)) s
JOIN asset_alias l ON l.tenant_id = (SELECT app.tenant()) AND l.name = s.alias
JOIN asset a ON a.tenant_id = (SELECT app.tenant()) AND a.name = s.name AND a.uri = s.uri
ON CONFLICT (tenant_id, alias_id, asset_id) DO NOTHING
RETURNING id
