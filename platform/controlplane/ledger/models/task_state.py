"""Values that a task keeps for its later tries: Airflow's task state store."""

from __future__ import annotations

from django.db import models

from tenants.models.tenant_model import TenantModel, tenant_link
from tenants.rls import TenantForeignKey, TenantTable


class TaskState(TenantModel):
    """Of one task (and map index) of one run, whichever attempt wrote it. `expires_at` NULL: kept with its run."""

    dag_run = tenant_link("ledger.DagRun")
    task_id = models.CharField(max_length=250)
    map_index = models.IntegerField(db_default=-1)
    key = models.CharField(max_length=512)
    value = models.JSONField()
    updated_at = models.DateTimeField()
    expires_at = models.DateTimeField(null=True)

    class Meta:
        db_table = "task_state"
        indexes = [
            models.Index(
                fields=["tenant", "expires_at"],
                condition=models.Q(expires_at__isnull=False),
                name="task_state_expiry",
            )
        ]
        constraints = [
            models.UniqueConstraint(
                fields=["tenant", "dag_run", "task_id", "map_index", "key"], name="task_state_key_uk"
            ),
            TenantTable(name="task_state_wall"),
            TenantForeignKey(name="task_state_run_fk", column="dag_run_id", target="dag_run"),
        ]
