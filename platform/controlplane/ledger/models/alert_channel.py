"""Where a tenant is told of alerts: one row per channel, its credential sealed."""

from __future__ import annotations

from django.db import models

from tenants.models.tenant_model import TenantModel
from tenants.rls import TenantTable


class AlertChannel(TenantModel):
    """`kind`: email, slack, pagerduty, teams, webhook. `config` is what people may read (addresses of people);
    `sealed` holds the rest as JSON, in an envelope bound to this row: URLs of chat rooms are credentials too."""

    name = models.CharField(max_length=100)
    kind = models.CharField(max_length=20)
    is_enabled = models.BooleanField(db_default=True)
    config = models.JSONField(default=dict)
    sealed = models.BinaryField(null=True)
    version = models.IntegerField(db_default=1)
    """Rises with each change: the ETag."""
    created_at = models.DateTimeField()
    updated_at = models.DateTimeField()
    last_sent_at = models.DateTimeField(null=True)
    last_error = models.CharField(max_length=500, null=True)

    class Meta:
        db_table = "alert_channel"
        constraints = [
            models.UniqueConstraint(fields=["tenant", "name"], name="alert_channel_name_uk"),
            TenantTable(name="alert_channel_wall"),
        ]
