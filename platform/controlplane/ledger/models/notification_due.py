"""Thin ledger: a notification is to be sent. No content of the tenant."""

from __future__ import annotations

from django.db import models

from tenants.models.tenant_model import TenantModel, tenant_link
from tenants.rls import TenantForeignKey, TenantTable


class NotificationDue(TenantModel):
    """Deleted when its notification was sent or given up. The sender takes a lease before it speaks to anybody."""

    notification = tenant_link("ledger.Notification")
    due_at = models.DateTimeField()
    lease_until = models.DateTimeField(null=True)
    fence = models.IntegerField(db_default=0)

    class Meta:
        db_table = "notification_due"
        indexes = [models.Index(fields=["due_at"], name="notification_due_at")]
        constraints = [
            TenantTable(name="notification_due_wall", wide=("scheduler",)),
            TenantForeignKey(name="notification_due_fk", column="notification_id", target="notification"),
        ]
