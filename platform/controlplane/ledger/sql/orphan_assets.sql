-- Purpose: assets that nobody refers to any more are not active; what was kept with them is forgotten.
-- Locks: lock_assets.sql was run before; the assets. Index: asset_active_name_uk, asset_reference_asset,
-- asset_alias_asset_of_asset. Bound: the tenant's active assets.
WITH orphaned AS (
  UPDATE asset a SET is_active = false, updated_at = %(now)s::timestamptz
  WHERE a.tenant_id = (SELECT app.tenant()) AND a.is_active
    AND NOT EXISTS (SELECT FROM asset_reference r
                    WHERE r.tenant_id = (SELECT app.tenant()) AND r.asset_id = a.id)
    AND NOT EXISTS (SELECT FROM asset_alias_asset l
                    WHERE l.tenant_id = (SELECT app.tenant()) AND l.asset_id = a.id)
  RETURNING a.id
)
DELETE FROM asset_state s USING orphaned o WHERE s.tenant_id = (SELECT app.tenant()) AND s.asset_id = o.id
