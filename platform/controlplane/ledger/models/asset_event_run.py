"""Which events a run consumed."""

from __future__ import annotations

from django.db import models

from tenants.models.tenant_model import TenantModel, tenant_link
from tenants.rls import TenantForeignKey, TenantTable


class AssetEventRun(TenantModel):
    dag_run = tenant_link("ledger.DagRun")
    event = tenant_link("ledger.AssetEvent")

    class Meta:
        db_table = "asset_event_run"
        indexes = [models.Index(fields=["tenant", "event"], name="asset_event_run_of_event")]
        constraints = [
            models.UniqueConstraint(fields=["tenant", "dag_run", "event"], name="asset_event_run_uk"),
            TenantTable(name="asset_event_run_wall"),
            TenantForeignKey(name="asset_event_run_run_fk", column="dag_run_id", target="dag_run"),
            TenantForeignKey(name="asset_event_run_event_fk", column="event_id", target="asset_event"),
        ]
