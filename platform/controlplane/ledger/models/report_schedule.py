"""A report that somebody asked for: every week or month, to these channels."""

from __future__ import annotations

from django.db import models

from tenants.models.tenant_model import TenantModel
from tenants.rls import TenantTable


class ReportSchedule(TenantModel):
    """`period`: weekly or monthly. `made_until`: the first day that no report of it covers yet; a period that was
    missed is made up for, the newest one only."""

    name = models.CharField(max_length=100)
    period = models.CharField(max_length=10)
    is_enabled = models.BooleanField(db_default=True)
    objective = models.FloatField(db_default=0.99)
    """Share of runs that should succeed: what the error budget is counted from, beside the rules' own."""
    channels = models.JSONField(default=list)
    """Ids of channels; empty: it is made and kept, and sent to nobody."""
    asked_by = models.CharField(max_length=150)
    made_until = models.DateField()
    version = models.IntegerField(db_default=1)
    created_at = models.DateTimeField()
    updated_at = models.DateTimeField()

    class Meta:
        db_table = "report_schedule"
        constraints = [
            models.UniqueConstraint(fields=["tenant", "name"], name="report_schedule_name_uk"),
            TenantTable(name="report_schedule_wall"),
        ]
