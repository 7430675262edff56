-- Purpose: active assets by name or URI, for outlets that are references. Locks: none.
-- Index: asset_active_name_uk, asset_active_uri_uk. Bound: the arrays. Rows out: (name, uri).
SELECT a.name, a.uri FROM unnest(%(names)s::text[]) AS n(name)
JOIN asset a ON a.tenant_id = (SELECT app.tenant()) AND a.is_active AND a.name = n.name
UNION
SELECT a.name, a.uri FROM unnest(%(uris)s::text[]) AS u(uri)
JOIN asset a ON a.tenant_id = (SELECT app.tenant()) AND a.is_active AND a.uri = u.uri
