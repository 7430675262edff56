"""Who hears of what: owners and severities to channels, by turns if wanted."""

from __future__ import annotations

from django.db import models

from tenants.models.tenant_model import TenantModel
from tenants.rls import TenantTable


class AlertRoute(TenantModel):
    """The first route by `position` whose `owner` (a pattern) and `severity` (null: any) fit is taken.
    `rotation`: null, or {"starts_at": …, "every_seconds": …}: then one of `channels` at a time, by turns."""

    position = models.IntegerField()
    owner = models.CharField(max_length=250)
    severity = models.CharField(max_length=10, null=True)
    channels = models.JSONField(default=list)
    rotation = models.JSONField(null=True)

    class Meta:
        db_table = "alert_route"
        constraints = [
            models.UniqueConstraint(fields=["tenant", "position"], name="alert_route_uk"),
            TenantTable(name="alert_route_wall"),
        ]
