"""Which assets an alias was resolved to, by all the events that went through it."""

from __future__ import annotations

from django.db import models

from tenants.models.tenant_model import TenantModel, tenant_link
from tenants.rls import TenantForeignKey, TenantTable


class AssetAliasAsset(TenantModel):
    """Written with the first event of an asset through the alias."""

    alias = tenant_link("ledger.AssetAlias")
    asset = tenant_link("ledger.Asset")

    class Meta:
        db_table = "asset_alias_asset"
        indexes = [models.Index(fields=["tenant", "asset"], name="asset_alias_asset_of_asset")]
        constraints = [
            models.UniqueConstraint(fields=["tenant", "alias", "asset"], name="asset_alias_asset_uk"),
            TenantTable(name="asset_alias_asset_wall"),
            TenantForeignKey(name="asset_alias_asset_alias_fk", column="alias_id", target="asset_alias"),
            TenantForeignKey(name="asset_alias_asset_asset_fk", column="asset_id", target="asset"),
        ]
