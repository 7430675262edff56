"""Pools: how many slots of something scarce there are."""

from __future__ import annotations

from django.db import models

from tenants.models.tenant_model import TenantModel
from tenants.rls import TenantTable


class Pool(TenantModel):
    """`slots` -1 is without limit."""

    name = models.CharField(max_length=256)
    slots = models.IntegerField()
    description = models.TextField(default="")
    include_deferred = models.BooleanField(default=False)
    starts_per_minute = models.IntegerField(null=True)
    """At most so many tasks begin in any 60 seconds; null: as many as there are slots for."""

    class Meta:
        db_table = "pool"
        indexes = [
            models.Index(
                fields=["tenant", "name"],
                name="pool_paced",
                condition=models.Q(starts_per_minute__isnull=False),
            ),
        ]
        constraints = [
            models.UniqueConstraint(fields=["tenant", "name"], name="pool_name_uk"),
            TenantTable(name="pool_wall"),
        ]
