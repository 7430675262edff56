"""What a DAG's current version says of assets: the index from an asset to the DAGs that wait for it."""

from __future__ import annotations

from django.db import models

from tenants.models.tenant_model import TenantModel, tenant_link
from tenants.rls import TenantForeignKey, TenantTable


class AssetReference(TenantModel):
    """`kind`: `schedule`, `outlet` or `inlet`. Exactly one of `asset`, `alias`, `ref_name`, `ref_uri` is set; tasks
    refer to assets only. Rows of stale DAGs are gone."""

    dag_row = tenant_link("ledger.Dag")
    dag_id = models.CharField(max_length=250)
    kind = models.CharField(max_length=10)
    task_id = models.CharField(max_length=250, default="")
    """Empty for a schedule."""
    asset = tenant_link("ledger.Asset", null=True)
    alias = tenant_link("ledger.AssetAlias", null=True)
    ref_name = models.CharField(max_length=1500, null=True)
    ref_uri = models.CharField(max_length=1500, null=True)
    partitioned = models.BooleanField(default=False)
    """The schedule waits for partitions: an event without a partition key starts nothing."""
    watchers = models.JSONField(null=True)
    """Of a schedule: [{"name", "classpath", "kwargs"}], what watches the asset."""
    created_at = models.DateTimeField()
    """The first event a schedule without catchup may consume is younger than this."""
    updated_at = models.DateTimeField()

    class Meta:
        db_table = "asset_reference"
        indexes = [
            models.Index(
                fields=["tenant", "asset"],
                name="asset_reference_asset",
                condition=models.Q(asset__isnull=False),
            ),
            models.Index(
                fields=["tenant", "alias"],
                name="asset_reference_alias",
                condition=models.Q(alias__isnull=False),
            ),
            models.Index(
                fields=["tenant", "ref_name"],
                name="asset_reference_name",
                condition=models.Q(ref_name__isnull=False),
            ),
            models.Index(
                fields=["tenant", "ref_uri"],
                name="asset_reference_uri",
                condition=models.Q(ref_uri__isnull=False),
            ),
        ]
        constraints = [
            models.UniqueConstraint(
                fields=["tenant", "dag_row", "kind", "task_id", "asset", "alias", "ref_name", "ref_uri"],
                name="asset_reference_uk",
                nulls_distinct=False,
            ),
            TenantTable(name="asset_reference_wall"),
            TenantForeignKey(name="asset_reference_dag_fk", column="dag_row_id", target="dag"),
            TenantForeignKey(name="asset_reference_asset_fk", column="asset_id", target="asset"),
            TenantForeignKey(name="asset_reference_alias_fk", column="alias_id", target="asset_alias"),
        ]
