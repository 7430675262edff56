-- Purpose: assets that somebody refers to become active, unless an active one has their name or their URI; of new
-- ones with the same, the oldest. To be repeated until it gives none: who lost against a loser wins then.
-- Locks: lock_assets.sql was run before; the assets. Bound: the tenant's inactive assets. Rows out: (id).
WITH wanting AS MATERIALIZED (
  SELECT a.id, a.serial, a.name, a.uri FROM asset a
  WHERE a.tenant_id = (SELECT app.tenant()) AND NOT a.is_active
    AND (EXISTS (SELECT FROM asset_reference r
                 WHERE r.tenant_id = (SELECT app.tenant()) AND r.asset_id = a.id)
         OR EXISTS (SELECT FROM asset_alias_asset l
                    WHERE l.tenant_id = (SELECT app.tenant()) AND l.asset_id = a.id))
    AND NOT EXISTS (SELECT FROM asset b
                    WHERE b.tenant_id = (SELECT app.tenant()) AND b.is_active AND b.name = a.name)
    AND NOT EXISTS (SELECT FROM asset b
                    WHERE b.tenant_id = (SELECT app.tenant()) AND b.is_active AND b.uri = a.uri)
)
UPDATE asset a SET is_active = true, updated_at = %(now)s::timestamptz
FROM wanting w
WHERE a.tenant_id = (SELECT app.tenant()) AND a.id = w.id AND NOT EXISTS (
  SELECT FROM wanting v WHERE v.serial < w.serial AND (v.name = w.name OR v.uri = w.uri))
RETURNING a.id
