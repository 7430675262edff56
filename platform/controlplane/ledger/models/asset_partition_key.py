"""Partitions of assets that a partitioned DAG was told of, by the key that its mappers gave them."""

from __future__ import annotations

from django.db import models

from tenants.models.tenant_model import TenantModel, tenant_link
from tenants.rls import TenantForeignKey, TenantTable


class AssetPartitionKey(TenantModel):
    """Rows of one DAG with one `target_key` and no run are a run that waits for the rest of its partition."""

    dag_row = tenant_link("ledger.Dag")
    asset = tenant_link("ledger.Asset")
    event = tenant_link("ledger.AssetEvent")
    source_key = models.CharField(max_length=250)
    target_key = models.CharField(max_length=250)
    partition_date = models.DateTimeField(null=True)
    """Carried from the emitting run, by mappers that do so."""
    fingerprint = models.CharField(max_length=64)
    """Of the mappers that gave the key: when they change, what waits is dropped."""
    dag_run = tenant_link("ledger.DagRun", null=True, on_delete=models.SET_NULL)
    created_at = models.DateTimeField()

    class Meta:
        db_table = "asset_partition_key"
        indexes = [
            models.Index(
                fields=["tenant", "dag_row", "created_at"],
                name="asset_partition_key_waiting",
                condition=models.Q(dag_run__isnull=True),
            ),
            models.Index(
                fields=["tenant", "dag_run"],
                name="asset_partition_key_of_run",
                condition=models.Q(dag_run__isnull=False),
            ),
        ]
        constraints = [
            TenantTable(name="asset_partition_key_wall"),
            TenantForeignKey(name="asset_partition_key_dag_fk", column="dag_row_id", target="dag"),
            TenantForeignKey(name="asset_partition_key_asset_fk", column="asset_id", target="asset"),
            TenantForeignKey(name="asset_partition_key_event_fk", column="event_id", target="asset_event"),
            TenantForeignKey(
                name="asset_partition_key_run_fk",
                column="dag_run_id",
                target="dag_run",
                on_delete="SET NULL",
            ),
        ]
