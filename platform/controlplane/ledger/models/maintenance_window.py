"""A time in which alerts are expected and nobody is told; a summary afterwards."""

from __future__ import annotations

from django.db import models

from tenants.models.tenant_model import TenantModel
from tenants.rls import TenantTable


class MaintenanceWindow(TenantModel):
    """For the DAGs that `selector` names (empty: all), from `starts_at` until `ends_at`."""

    name = models.CharField(max_length=100)
    selector = models.JSONField(default=dict)
    starts_at = models.DateTimeField()
    ends_at = models.DateTimeField()
    channels = models.JSONField(default=list)
    """Who gets the summary; empty: whom the routes name."""
    created_by = models.CharField(max_length=150)
    created_at = models.DateTimeField()
    summed_up_at = models.DateTimeField(null=True)

    class Meta:
        db_table = "maintenance_window"
        indexes = [models.Index(fields=["tenant", "ends_at"], name="maintenance_window_ends")]
        constraints = [TenantTable(name="maintenance_window_wall")]
