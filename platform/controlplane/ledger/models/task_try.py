"""Finished tries, so that each stays readable after the next one began."""

from __future__ import annotations

from django.db import models

from tenants.models.tenant_model import TenantModel, tenant_link
from tenants.rls import TenantForeignKey, TenantTable


class TaskTry(TenantModel):
    """One row per try that ended; `task_instance` itself holds the current one."""

    task_instance = tenant_link("ledger.TaskInstance")
    try_number = models.IntegerField()
    epoch = models.IntegerField()
    state = models.CharField(max_length=20, null=True)
    scheduled_at = models.DateTimeField(null=True)
    queued_at = models.DateTimeField(null=True)
    start_date = models.DateTimeField(null=True)
    end_date = models.DateTimeField(null=True)
    hostname = models.CharField(max_length=250, default="")
    unixname = models.CharField(max_length=150, default="")
    pid = models.IntegerField(null=True)
    dag_version_id = models.UUIDField()
    bundle_version_id = models.UUIDField(null=True)
    died = models.JSONField(null=True)

    class Meta:
        db_table = "task_try"
        constraints = [
            models.UniqueConstraint(
                fields=["tenant", "task_instance", "try_number", "epoch"], name="task_try_uk"
            ),
            TenantTable(name="task_try_wall"),
            TenantForeignKey(name="task_try_ti_fk", column="task_instance_id", target="task_instance"),
        ]
