"""Thin ledger: which scheduler works for which tenant. No content of the tenant."""

from __future__ import annotations

from django.db import models

from tenants.models.tenant_model import TenantModel
from tenants.rls import TenantTable


class TenantLease(TenantModel):
    """One row per tenant (`id` is the tenant's id). Times are the database's. `epoch` rises with each holder."""

    epoch = models.BigIntegerField(default=0)
    holder = models.UUIDField(null=True)
    lease_until = models.DateTimeField(null=True)

    class Meta:
        db_table = "tenant_lease"
        constraints = [
            TenantTable(
                name="tenant_lease_wall",
                wide=("scheduler",),
                grants={
                    "app": "SELECT, INSERT",
                    "scheduler": "SELECT, INSERT, UPDATE, DELETE",
                    "auth": "INSERT",
                },
            )
        ]
