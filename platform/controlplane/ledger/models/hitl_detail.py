"""What a task asks a person, and the answer."""

from __future__ import annotations

from django.db import models

from tenants.models.tenant_model import TenantModel, tenant_link
from tenants.rls import TenantForeignKey, TenantTable


class HitlDetail(TenantModel):
    """One per try that asked. `responded_at` without `responded_by`: nobody answered in time, the defaults did."""

    task_instance = tenant_link("ledger.TaskInstance")
    try_number = models.IntegerField()
    options = models.JSONField()
    subject = models.TextField()
    body = models.TextField(null=True)
    defaults = models.JSONField(null=True)
    multiple = models.BooleanField(db_default=False)
    params = models.JSONField()
    assignees = models.JSONField(null=True)
    """[{"id", "name"}]: who may answer; empty or NULL: everybody who may edit runs."""
    created_at = models.DateTimeField()
    responded_at = models.DateTimeField(null=True)
    responded_by = models.JSONField(null=True)
    chosen_options = models.JSONField(null=True)
    params_input = models.JSONField()

    class Meta:
        db_table = "hitl_detail"
        indexes = [models.Index(fields=["tenant", "-created_at"], name="hitl_detail_recent")]
        constraints = [
            models.UniqueConstraint(fields=["tenant", "task_instance", "try_number"], name="hitl_detail_uk"),
            TenantTable(name="hitl_detail_wall"),
            TenantForeignKey(name="hitl_detail_ti_fk", column="task_instance_id", target="task_instance"),
        ]
