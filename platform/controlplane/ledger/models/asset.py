"""An asset of a tenant: something that tasks update and that DAGs wait for."""

from __future__ import annotations

from django.db import models

from tenants.models.tenant_model import TenantModel
from tenants.rls import TenantTable


class Asset(TenantModel):
    """`serial` is Airflow's integer id. Active: some DAG that is not stale, or an alias, refers to it, and no other
    active asset has its name or its URI. Inactive ones are kept with their history."""

    serial = models.BigIntegerField()
    name = models.CharField(max_length=1500)
    uri = models.CharField(max_length=1500)
    group = models.CharField(max_length=1500, default="asset")
    extra = models.JSONField(default=dict)
    is_active = models.BooleanField(default=False)
    created_at = models.DateTimeField()
    updated_at = models.DateTimeField()

    class Meta:
        db_table = "asset"
        constraints = [
            models.UniqueConstraint(fields=["tenant", "serial"], name="asset_serial_uk"),
            models.UniqueConstraint(fields=["tenant", "name", "uri"], name="asset_name_uri_uk"),
            models.UniqueConstraint(
                fields=["tenant", "name"], name="asset_active_name_uk", condition=models.Q(is_active=True)
            ),
            models.UniqueConstraint(
                fields=["tenant", "uri"], name="asset_active_uri_uk", condition=models.Q(is_active=True)
            ),
            TenantTable(name="asset_wall"),
        ]
