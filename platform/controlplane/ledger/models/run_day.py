"""How the runs of a day ended, per DAG: what reports are added up from, also when the runs are pruned."""

from __future__ import annotations

from django.db import models

from tenants.models.tenant_model import TenantModel
from tenants.rls import TenantTable


class RunDay(TenantModel):
    """Of runs that were due on this UTC day. The row without a DAG is the day's sum: with it the day is counted. Days
    are counted for tenants with scheduled reports, the morning after; one with unfinished runs is counted again."""

    day = models.DateField()
    dag_id = models.CharField(max_length=250, default="")
    succeeded = models.IntegerField()
    failed = models.IntegerField()
    unfinished = models.IntegerField()
    deadlines_missed = models.IntegerField()

    class Meta:
        db_table = "run_day"
        constraints = [
            models.UniqueConstraint(fields=["tenant", "day", "dag_id"], name="run_day_uk"),
            TenantTable(name="run_day_wall"),
        ]
