"""Events that a DAG waits with: taken by the run that they bring about."""

from __future__ import annotations

from django.db import models

from tenants.models.tenant_model import TenantModel, tenant_link
from tenants.rls import TenantForeignKey, TenantTable


class AssetQueue(TenantModel):
    """Airflow's `asset_dag_run_queue`, but one row per event: who writes never waits for the scheduler, and an
    event that comes while a run is being made is not lost. Of those of one asset the scheduler keeps two."""

    dag_row = tenant_link("ledger.Dag")
    asset = tenant_link("ledger.Asset")
    event = tenant_link("ledger.AssetEvent")
    partition_date = models.DateTimeField(null=True)
    """Of the run that emitted the event, when the event has that run's partition key."""
    created_at = models.DateTimeField()

    class Meta:
        db_table = "asset_queue"
        indexes = [
            models.Index(fields=["tenant", "dag_row", "created_at"], name="asset_queue_of_dag"),
            models.Index(fields=["tenant", "asset"], name="asset_queue_of_asset"),
        ]
        constraints = [
            TenantTable(name="asset_queue_wall"),
            TenantForeignKey(name="asset_queue_dag_fk", column="dag_row_id", target="dag"),
            TenantForeignKey(name="asset_queue_asset_fk", column="asset_id", target="asset"),
            TenantForeignKey(name="asset_queue_event_fk", column="event_id", target="asset_event"),
        ]
