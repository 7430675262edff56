"""A budget passed one of its thresholds: what alerts read. Appended once per budget, month and threshold."""

from __future__ import annotations

from django.db import models

from tenants.models.tenant_model import TenantModel
from tenants.rls import TenantTable


class BudgetBurn(TenantModel):
    """What was spent when the threshold was found passed. No key: it stays when the budget goes."""

    budget_id = models.UUIDField()
    dag_id = models.CharField(max_length=250, default="")
    month = models.DateField()
    threshold = models.IntegerField()
    amount_micros = models.BigIntegerField()
    spent_micros = models.BigIntegerField()
    passed_at = models.DateTimeField()

    class Meta:
        db_table = "budget_burn"
        constraints = [
            models.UniqueConstraint(
                fields=["tenant", "budget_id", "month", "threshold"], name="budget_burn_uk"
            ),
            TenantTable(name="budget_burn_wall"),
        ]
