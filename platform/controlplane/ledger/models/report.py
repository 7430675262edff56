"""One report that was made: the figures of one week or month."""

from __future__ import annotations

from django.db import models

from tenants.models.tenant_model import TenantModel, tenant_link
from tenants.rls import TenantForeignKey, TenantTable


class Report(TenantModel):
    """`first` is its first day, `last` the first day after it. `figures`: what `maintenance.report_figures` says."""

    schedule = tenant_link("ledger.ReportSchedule")
    name = models.CharField(max_length=100)
    period = models.CharField(max_length=10)
    asked_by = models.CharField(max_length=150)
    first = models.DateField()
    last = models.DateField()
    figures = models.JSONField()
    made_at = models.DateTimeField()

    class Meta:
        db_table = "report"
        indexes = [models.Index(fields=["tenant", "-id"], name="report_recent")]
        constraints = [
            models.UniqueConstraint(fields=["tenant", "schedule", "first"], name="report_uk"),
            TenantTable(name="report_wall"),
            TenantForeignKey(name="report_schedule_fk", column="schedule_id", target="report_schedule"),
        ]
