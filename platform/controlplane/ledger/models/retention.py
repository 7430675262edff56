"""How long a tenant keeps what has ended: one row per tenant that does not keep everything."""

from __future__ import annotations

from django.db import models

from tenants.models.tenant_model import TenantModel
from tenants.rls import TenantTable


class Retention(TenantModel):
    """Days since a run was due; null: for ever. Logs and XComs go with their run at the latest. The `…_until` are how
    far pruning came, by `run_after`. `from_hour` and `until_hour` (UTC, both or neither) are when it goes on."""

    runs_days = models.IntegerField(null=True)
    logs_days = models.IntegerField(null=True)
    xcoms_days = models.IntegerField(null=True)
    alerts_days = models.IntegerField(null=True)
    """Resolved alerts with their notifications, and notifications without an alert."""
    events_days = models.IntegerField(null=True)
    """Rows of the event log."""
    usage_days = models.IntegerField(null=True)
    """Usage of single attempts, once it is counted into days and months, which stay."""
    bundles_days = models.IntegerField(null=True)
    """Bundle versions that nothing uses, with their deployments, DAG versions, parse results and runtimes."""
    audit_days = models.IntegerField(null=True)
    """Rows of the audit, up to a checkpoint."""
    from_hour = models.SmallIntegerField(null=True)
    until_hour = models.SmallIntegerField(null=True)
    logs_until = models.DateTimeField(null=True)
    xcoms_until = models.DateTimeField(null=True)
    pruned_at = models.DateTimeField(null=True)
    pruned = models.JSONField(default=dict)
    """What the last round deleted, by kind."""
    changed_at = models.DateTimeField()

    class Meta:
        db_table = "retention"
        constraints = [
            models.UniqueConstraint(fields=["tenant"], name="retention_uk"),
            TenantTable(name="retention_wall"),
        ]
