"""Something is wrong: one row for all failures of one rule with the same owner and cause."""

from __future__ import annotations

from django.db import models

from tenants.models.tenant_model import TenantModel, tenant_link
from tenants.rls import TenantForeignKey, TenantTable


class Alert(TenantModel):
    """`state`: open, acknowledged, resolved. Further failures of the same group count here until it is resolved.
    `dags`: those that still fail; it resolves itself when each of them had a success."""

    rule = tenant_link("ledger.AlertRule")
    group_key = models.CharField(max_length=64)
    kind = models.CharField(max_length=30)
    state = models.CharField(max_length=15, db_default="open")
    severity = models.CharField(max_length=10)
    owner = models.CharField(max_length=250)
    cause = models.CharField(max_length=300)
    dags = models.JSONField(default=list)
    items = models.JSONField(default=list)
    """The newest occurrences, at most 50; `occurrences` counts all."""
    occurrences = models.IntegerField(db_default=0)
    opened_at = models.DateTimeField()
    last_at = models.DateTimeField()
    tell_at = models.DateTimeField(null=True)
    """A notification is planned for then; null: none is."""
    notified_at = models.DateTimeField(null=True)
    told = models.IntegerField(db_default=0)
    """Occurrences that the last notification told of."""
    steps = models.IntegerField(db_default=0)
    """Steps of the escalation that were taken."""
    window_id = models.UUIDField(null=True)
    """The maintenance window that keeps it silent. No key: it may go."""
    acknowledged_at = models.DateTimeField(null=True)
    acknowledged_by = models.CharField(max_length=150, null=True)
    resolved_at = models.DateTimeField(null=True)
    resolved_by = models.CharField(max_length=150, null=True)

    class Meta:
        db_table = "alert"
        indexes = [
            models.Index(fields=["tenant", "-id"], name="alert_recent"),
            models.Index(fields=["tenant", "window_id"], name="alert_silenced"),
        ]
        constraints = [
            models.UniqueConstraint(
                fields=["tenant", "rule", "group_key"],
                name="alert_going_on",
                condition=~models.Q(state="resolved"),
            ),
            TenantTable(name="alert_wall"),
            TenantForeignKey(name="alert_rule_fk", column="rule_id", target="alert_rule"),
        ]
