"""One message to one channel: what was to be said, and every try to say it."""

from __future__ import annotations

from django.db import models

from tenants.models.tenant_model import TenantModel, tenant_link
from tenants.rls import TenantForeignKey, TenantTable


class Notification(TenantModel):
    """`kind`: opened, repeated, escalated, resolved, summary, test, report. `state`: pending, sent, failed (given up).
    Delivered at least once; its `id` is the receiver's key to know a second delivery by."""

    alert = tenant_link("ledger.Alert", null=True)
    channel = tenant_link("ledger.AlertChannel")
    kind = models.CharField(max_length=15)
    message = models.JSONField()
    """What is told, without any channel's form: `domain.alerting.message.Message`."""
    state = models.CharField(max_length=10, db_default="pending")
    attempts = models.IntegerField(db_default=0)
    tries = models.JSONField(default=list)
    """[{"at", "status", "error"}], newest last, at most 20."""
    created_at = models.DateTimeField()
    sent_at = models.DateTimeField(null=True)

    class Meta:
        db_table = "notification"
        indexes = [
            models.Index(fields=["tenant", "-id"], name="notification_recent"),
            models.Index(fields=["tenant", "alert"], name="notification_alert"),
        ]
        constraints = [
            TenantTable(name="notification_wall"),
            TenantForeignKey(name="notification_alert_fk", column="alert_id", target="alert"),
            TenantForeignKey(name="notification_channel_fk", column="channel_id", target="alert_channel"),
        ]
