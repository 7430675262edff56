"""Usage per day and task: the sums of `attempt_usage`, kept as it is counted."""

from __future__ import annotations

from django.db import models

from tenants.models.tenant_model import TenantModel
from tenants.rls import TenantTable


class UsageDay(TenantModel):
    """One row per UTC day, DAG and task that used anything."""

    day = models.DateField()
    dag_id = models.CharField(max_length=250)
    task_id = models.CharField(max_length=250)
    attempts = models.BigIntegerField(db_default=0)
    task_us = models.BigIntegerField(db_default=0)
    cpu_us = models.BigIntegerField(db_default=0)
    memory_mib_us = models.BigIntegerField(db_default=0)

    class Meta:
        db_table = "usage_day"
        constraints = [
            models.UniqueConstraint(fields=["tenant", "day", "dag_id", "task_id"], name="usage_day_uk"),
            TenantTable(name="usage_day_wall"),
        ]
