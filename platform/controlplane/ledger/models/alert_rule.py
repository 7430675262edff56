"""What a tenant wants to hear of, and how."""

from __future__ import annotations

from django.db import models

from tenants.models.tenant_model import TenantModel
from tenants.rls import TenantTable


class AlertRule(TenantModel):
    """`kind`: one of `domain.alerting.rules.KINDS`. `selector` names DAGs by id, tag and owner; empty means all.
    `settings` is the kind's own; `action` what else happens when an alert opens. A tenant without enabled rules
    pays one look into this table's index for each failure."""

    name = models.CharField(max_length=100)
    kind = models.CharField(max_length=30)
    is_enabled = models.BooleanField(db_default=True)
    is_critical = models.BooleanField(db_default=False)
    """What it watches has a promise to somebody: its failures page."""
    selector = models.JSONField(default=dict)
    settings = models.JSONField(default=dict)
    severity = models.CharField(max_length=10, db_default="auto")
    """`page`, `ticket`, or `auto`: by the table in `domain.alerting.severity`."""
    channels = models.JSONField(default=list)
    """Ids of channels; empty: whatever the routes say."""
    escalation = models.JSONField(default=list)
    """[{"after_seconds": …, "channels": […]}], each counted from the opening of the alert."""
    action = models.JSONField(null=True)
    runbook = models.CharField(max_length=500, null=True)
    group_wait_seconds = models.IntegerField(db_default=10)
    repeat_seconds = models.IntegerField(db_default=600)
    version = models.IntegerField(db_default=1)
    created_at = models.DateTimeField()
    updated_at = models.DateTimeField()

    class Meta:
        db_table = "alert_rule"
        indexes = [
            models.Index(fields=["tenant", "kind"], name="alert_rule_on", condition=models.Q(is_enabled=True))
        ]
        constraints = [
            models.UniqueConstraint(fields=["tenant", "name"], name="alert_rule_name_uk"),
            TenantTable(name="alert_rule_wall"),
        ]
