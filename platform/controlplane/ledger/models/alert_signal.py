"""Something happened that a rule asks for; deleted by the transaction that weighs it."""

from __future__ import annotations

from django.db import models

from tenants.models.tenant_model import TenantModel
from tenants.rls import TenantTable


class AlertSignal(TenantModel):
    """Written by the statement in which it happens, and only where an enabled rule wants its kind.
    `ref` is a run, a task instance or a rule; `subject` what else it is about: a file, a queue, a budget."""

    kind = models.CharField(max_length=30)
    ref = models.UUIDField(null=True)
    dag_id = models.CharField(max_length=250, null=True)
    subject = models.CharField(max_length=1000, db_default="")
    detail = models.JSONField(default=dict)
    at = models.DateTimeField()

    class Meta:
        db_table = "alert_signal"
        constraints = [TenantTable(name="alert_signal_wall")]
