"""Through which aliases an event came."""

from __future__ import annotations

from django.db import models

from tenants.models.tenant_model import TenantModel, tenant_link
from tenants.rls import TenantForeignKey, TenantTable


class AssetAliasEvent(TenantModel):
    alias = tenant_link("ledger.AssetAlias")
    event = tenant_link("ledger.AssetEvent")

    class Meta:
        db_table = "asset_alias_event"
        indexes = [models.Index(fields=["tenant", "event"], name="asset_alias_event_of_event")]
        constraints = [
            models.UniqueConstraint(fields=["tenant", "alias", "event"], name="asset_alias_event_uk"),
            TenantTable(name="asset_alias_event_wall"),
            TenantForeignKey(name="asset_alias_event_alias_fk", column="alias_id", target="asset_alias"),
            TenantForeignKey(name="asset_alias_event_event_fk", column="event_id", target="asset_event"),
        ]
