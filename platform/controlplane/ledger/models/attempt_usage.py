"""What each attempt used: the rows that usage and cost are made of. They outlive their runs."""

from __future__ import annotations

from django.db import models

from tenants.models.tenant_model import TenantModel
from tenants.rls import TenantTable


class AttemptUsage(TenantModel):
    """Rows add up: `held` is how long an attempt held a worker, written by the statement that takes it away;
    `measured` is what its agent measured once its processes were gone. Whole microseconds, so that sums are exact."""

    kind = models.CharField(max_length=10)
    task_instance_id = models.UUIDField()
    epoch = models.IntegerField()
    dag_id = models.CharField(max_length=250)
    run_id = models.CharField(max_length=250)
    task_id = models.CharField(max_length=250)
    map_index = models.IntegerField()
    try_number = models.IntegerField()
    started_at = models.DateTimeField()
    ended_at = models.DateTimeField()
    """Its day, in UTC, is the day that it counts for."""
    task_us = models.BigIntegerField(db_default=0)
    cpu_us = models.BigIntegerField(db_default=0)
    peak_bytes = models.BigIntegerField(db_default=0)
    memory_mib_us = models.BigIntegerField(db_default=0)
    """Peak memory in MiB times how long its process lived."""
    is_counted = models.BooleanField(db_default=False)
    """It is in `usage_day` and `usage_month`."""

    class Meta:
        db_table = "attempt_usage"
        indexes = [
            models.Index(
                fields=["tenant", "id"], name="attempt_usage_open", condition=models.Q(is_counted=False)
            ),
        ]
        constraints = [
            models.UniqueConstraint(
                fields=["tenant", "task_instance_id", "epoch"],
                name="attempt_usage_measured_uk",
                condition=models.Q(kind="measured"),
            ),
            TenantTable(name="attempt_usage_wall"),
        ]
