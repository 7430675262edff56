"""What a tenant wants to spend at most in a month, and how far it is."""

from __future__ import annotations

from django.db import models

from tenants.models.tenant_model import TenantModel
from tenants.rls import TenantTable


class Budget(TenantModel):
    """Of the whole tenant (`dag_id` empty) or of one DAG. Money is in millionths of the plan's currency."""

    dag_id = models.CharField(max_length=250, default="")
    amount_micros = models.BigIntegerField()
    thresholds = models.JSONField(default=list)
    """Percents of the amount; passing one makes a `budget_burn`."""
    changed_at = models.DateTimeField()
    changed_by = models.CharField(max_length=150)

    class Meta:
        db_table = "budget"
        constraints = [
            models.UniqueConstraint(fields=["tenant", "dag_id"], name="budget_uk"),
            TenantTable(name="budget_wall"),
        ]
