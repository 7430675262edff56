"""How many retries a tenant began in each hour: kept only while it has a limit on them."""

from __future__ import annotations

from django.db import models

from tenants.models.tenant_model import TenantModel
from tenants.rls import TenantTable


class RetrySpend(TenantModel):
    """One row per tenant: counts begin anew with each hour."""

    hour = models.DateTimeField()
    spent = models.IntegerField(db_default=0)

    class Meta:
        db_table = "retry_spend"
        constraints = [
            models.UniqueConstraint(fields=["tenant"], name="retry_spend_uk"),
            TenantTable(name="retry_spend_wall"),
        ]
