"""A name that tasks resolve to assets while they run."""

from __future__ import annotations

from django.db import models

from tenants.models.tenant_model import TenantModel
from tenants.rls import TenantTable


class AssetAlias(TenantModel):
    """`serial` is Airflow's integer id."""

    serial = models.BigIntegerField()
    name = models.CharField(max_length=1500)
    group = models.CharField(max_length=1500, default="")

    class Meta:
        db_table = "asset_alias"
        constraints = [
            models.UniqueConstraint(fields=["tenant", "serial"], name="asset_alias_serial_uk"),
            models.UniqueConstraint(fields=["tenant", "name"], name="asset_alias_name_uk"),
            TenantTable(name="asset_alias_wall"),
        ]
