"""Usage of a tenant per month: what the quota of task-hours and budgets are held against."""

from __future__ import annotations

from django.db import models

from tenants.models.tenant_model import TenantModel
from tenants.rls import TenantTable


class UsageMonth(TenantModel):
    """`month` is its first day, in UTC."""

    month = models.DateField()
    attempts = models.BigIntegerField(db_default=0)
    task_us = models.BigIntegerField(db_default=0)
    cpu_us = models.BigIntegerField(db_default=0)
    memory_mib_us = models.BigIntegerField(db_default=0)

    class Meta:
        db_table = "usage_month"
        constraints = [
            models.UniqueConstraint(fields=["tenant", "month"], name="usage_month_uk"),
            TenantTable(name="usage_month_wall"),
        ]
