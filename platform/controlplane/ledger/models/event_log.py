"""Who did what, when: people's actions and refusals. Append-only by grant."""

from __future__ import annotations

from django.db import models

from tenants.models.tenant_model import TenantModel
from tenants.rls import TenantTable


class EventLog(TenantModel):
    """Airflow's event log. `serial` is its integer id."""

    serial = models.BigIntegerField()
    when = models.DateTimeField()
    event = models.CharField(max_length=100)
    owner = models.CharField(max_length=150, null=True)
    dag_id = models.CharField(max_length=250, null=True)
    task_id = models.CharField(max_length=250, null=True)
    run_id = models.CharField(max_length=250, null=True)
    map_index = models.IntegerField(null=True)
    try_number = models.IntegerField(null=True)
    logical_date = models.DateTimeField(null=True)
    extra = models.JSONField(null=True)

    class Meta:
        db_table = "event_log"
        indexes = [models.Index(fields=["tenant", "-serial"], name="event_log_recent")]
        constraints = [
            TenantTable(
                name="event_log_wall",
                grants={"app": "SELECT, INSERT", "scheduler": "SELECT, INSERT, DELETE", "auth": "INSERT"},
            )
        ]
