"""An asset was updated: by a successful task, by a person, by a watcher."""

from __future__ import annotations

from django.db import models

from tenants.models.tenant_model import TenantModel, tenant_link
from tenants.rls import TenantForeignKey, TenantTable


class AssetEvent(TenantModel):
    """`serial` is Airflow's integer id; later events of a tenant have a larger one and a later `timestamp`."""

    serial = models.BigIntegerField()
    asset = tenant_link("ledger.Asset")
    extra = models.JSONField(default=dict)
    source_dag_id = models.CharField(max_length=250, null=True)
    source_run_id = models.CharField(max_length=250, null=True)
    source_task_id = models.CharField(max_length=250, null=True)
    source_map_index = models.IntegerField(null=True, db_default=-1)
    partition_key = models.CharField(max_length=250, null=True)
    timestamp = models.DateTimeField()

    class Meta:
        db_table = "asset_event"
        indexes = [
            models.Index(fields=["tenant", "asset", "timestamp"], name="asset_event_of_asset"),
            models.Index(fields=["tenant", "timestamp"], name="asset_event_recent"),
        ]
        constraints = [
            models.UniqueConstraint(fields=["tenant", "serial"], name="asset_event_serial_uk"),
            TenantTable(name="asset_event_wall"),
            TenantForeignKey(name="asset_event_asset_fk", column="asset_id", target="asset"),
        ]
