"""Thin ledger: a tenant has scheduled reports, and is looked at at this instant. No content of the tenant."""

from __future__ import annotations

from django.db import models

from tenants.models.tenant_model import TenantModel
from tenants.rls import TenantTable


class ReportDue(TenantModel):
    """One row per tenant with a schedule that is switched on; tenants without one are never looked at."""

    due_at = models.DateTimeField()

    class Meta:
        db_table = "report_due"
        indexes = [models.Index(fields=["due_at"], name="report_due_at")]
        constraints = [
            models.UniqueConstraint(fields=["tenant"], name="report_due_uk"),
            TenantTable(name="report_due_wall", wide=("scheduler",)),
        ]
