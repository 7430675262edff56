"""A watcher of an asset that some unpaused DAG waits for: its trigger runs, and each event of it is one of the asset."""

from __future__ import annotations

from django.db import models

from tenants.models.tenant_model import TenantModel, tenant_link
from tenants.rls import TenantForeignKey, TenantTable


class AssetWatcher(TenantModel):
    """`watcher_id` is made from the trigger's class and arguments: assets with the same trigger share it, as in
    Airflow. `serial` is its integer id there."""

    asset = tenant_link("ledger.Asset")
    watcher_id = models.UUIDField()
    serial = models.BigIntegerField()
    name = models.CharField(max_length=1500)
    created_at = models.DateTimeField()

    class Meta:
        db_table = "asset_watcher"
        indexes = [models.Index(fields=["tenant", "watcher_id"], name="asset_watcher_of_trigger")]
        constraints = [
            models.UniqueConstraint(fields=["tenant", "asset", "watcher_id"], name="asset_watcher_uk"),
            TenantTable(name="asset_watcher_wall"),
            TenantForeignKey(name="asset_watcher_asset_fk", column="asset_id", target="asset"),
        ]
