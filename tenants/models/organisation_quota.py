"""An organisation's plan, and what operators gave all its tenants beside it. Its tenants read it and cannot write it."""

from __future__ import annotations

from django.db import models

from domain.ids import uuid7
from tenants.rls_organisations import OrganisationTable


class OrganisationQuota(models.Model):
    """One row per organisation at most. It holds for each of its tenants by itself, not for their sum; what a tenant
    was given (`TenantQuota`) wins over it. A name in `overrides` wins over the plan, null there is no limit."""

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    organisation = models.OneToOneField(
        "tenants.Organisation", on_delete=models.CASCADE, related_name="+", db_index=False
    )
    plan = models.CharField(max_length=63, null=True)
    """Its name; null: the default plan. No key: a plan that is deleted gives way to the default."""
    overrides = models.JSONField(default=dict)
    reason = models.CharField(max_length=500, default="")
    changed_at = models.DateTimeField()
    changed_by = models.CharField(max_length=150)

    class Meta:
        db_table = "organisation_quota"
        constraints = [
            OrganisationTable(
                name="organisation_quota_wall",
                grants={"app": "SELECT", "scheduler": "SELECT", "auth": "SELECT, INSERT, UPDATE, DELETE"},
            ),
        ]
