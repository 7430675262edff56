"""What the tenant's own Timetable class said of the DAG's next runs: asked in the tenant's runtime, kept here."""

from __future__ import annotations

from django.db import models

from tenants.models.tenant_model import TenantModel, tenant_link
from tenants.rls import TenantForeignKey, TenantTable


class TimetableForecast(TenantModel):
    """One row per DAG with a timetable of kind `custom`. It holds for one DAG version: `content_hash`."""

    dag = tenant_link("ledger.Dag")
    content_hash = models.CharField(max_length=64)
    epoch = models.IntegerField(db_default=0)
    """Raised with each order: an answer to an older one changes nothing."""
    after = models.DateTimeField(null=True)
    """End of the data interval after which the runtime was asked to go on; NULL: from the start."""
    asked_at = models.DateTimeField()
    answered_at = models.DateTimeField(null=True)
    runs = models.JSONField(default=list)
    """The next runs, as `taskwire.timetabling.RunInfo`."""
    is_over = models.BooleanField(db_default=False)
    """The timetable has no run after these."""
    problem = models.TextField(null=True)
    """Why it could not be asked, for people; the DAG plans nothing meanwhile."""
    past = models.JSONField(null=True)
    """The range that a backfill asked for last, and its runs (`runs.past_runs`); gone when they are made."""

    class Meta:
        db_table = "timetable_forecast"
        constraints = [
            models.UniqueConstraint(fields=["tenant", "dag"], name="timetable_forecast_uk"),
            TenantTable(name="timetable_forecast_wall"),
            TenantForeignKey(name="timetable_forecast_dag_fk", column="dag_id", target="dag"),
        ]
