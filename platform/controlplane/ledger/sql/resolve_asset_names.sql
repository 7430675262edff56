-- Purpose: what aliases and references of conditions mean just now. Locks: none.
-- Index: asset_alias_name_uk, asset_alias_asset_uk, asset_active_name_uk, asset_active_uri_uk. Bound: the arrays.
-- Rows out: (`alias`, `name` or `uri`; what was asked; name; uri).
SELECT 'alias', l.name, a.name, a.uri
FROM asset_alias l
JOIN asset_alias_asset m ON m.tenant_id = (SELECT app.tenant()) AND m.alias_id = l.id
JOIN asset a ON a.tenant_id = (SELECT app.tenant()) AND a.id = m.asset_id
WHERE l.tenant_id = (SELECT app.tenant()) AND l.name = ANY(%(aliases)s::text[])
UNION ALL
SELECT 'name', a.name, a.name, a.uri FROM asset a
WHERE a.tenant_id = (SELECT app.tenant()) AND a.is_active AND a.name = ANY(%(names)s::text[])
UNION ALL
SELECT 'uri', a.uri, a.name, a.uri FROM asset a
WHERE a.tenant_id = (SELECT app.tenant()) AND a.is_active AND a.uri = ANY(%(uris)s::text[])
