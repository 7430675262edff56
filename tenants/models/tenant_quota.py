"""A tenant's plan, and what operators gave it beside the plan. The tenant itself reads it and cannot write it."""

from __future__ import annotations

from django.db import models

from tenants.models.tenant_model import TenantModel
from tenants.rls import TenantTable


class TenantQuota(TenantModel):
    """One row per tenant at most; without one it has its organisation's plan, or the default one. A name in `overrides`
    wins over the plan, null there is no limit."""

    plan = models.CharField(max_length=63, null=True)
    """Its name; null: its organisation's. No key: a plan that is deleted gives way to that."""
    overrides = models.JSONField(default=dict)
    reason = models.CharField(max_length=500, default="")
    changed_at = models.DateTimeField()
    changed_by = models.CharField(max_length=150)

    class Meta:
        db_table = "tenant_quota"
        constraints = [
            models.UniqueConstraint(fields=["tenant"], name="tenant_quota_uk"),
            TenantTable(
                name="tenant_quota_wall",
                wide=("auth",),
                grants={"app": "SELECT", "scheduler": "SELECT", "auth": "SELECT, INSERT, UPDATE, DELETE"},
            ),
        ]
