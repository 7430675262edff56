"""Values that tasks and watchers keep with an asset: Airflow's asset state store."""

from __future__ import annotations

from django.db import models

from tenants.models.tenant_model import TenantModel, tenant_link
from tenants.rls import TenantForeignKey, TenantTable


class AssetState(TenantModel):
    """`writer` is `task`, `watcher` or `api`; of a task its place in the run."""

    asset = tenant_link("ledger.Asset")
    key = models.CharField(max_length=512)
    value = models.JSONField()
    writer = models.CharField(max_length=10)
    dag_id = models.CharField(max_length=250, null=True)
    run_id = models.CharField(max_length=250, null=True)
    task_id = models.CharField(max_length=250, null=True)
    map_index = models.IntegerField(null=True)
    updated_at = models.DateTimeField()

    class Meta:
        db_table = "asset_state"
        constraints = [
            models.UniqueConstraint(fields=["tenant", "asset", "key"], name="asset_state_key_uk"),
            TenantTable(name="asset_state_wall"),
            TenantForeignKey(name="asset_state_asset_fk", column="asset_id", target="asset"),
        ]
