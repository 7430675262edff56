"""The tenant: the unit of isolation. An environment is this row and what hangs on it."""

from __future__ import annotations

from django.db import models

from domain.ids import uuid7
from tenants.rls import TenantTable

ENVIRONMENTS = ("production", "staging", "preview")


class Tenant(models.Model):
    """A team's Airflow. `slug` is its address: `/t/<slug>/`."""

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    slug = models.SlugField(max_length=63, unique=True)
    name = models.CharField(max_length=200)
    organisation = models.ForeignKey("tenants.Organisation", on_delete=models.PROTECT, related_name="tenants")
    environment = models.CharField(
        max_length=20, default="production", choices=[(word, word) for word in ENVIRONMENTS]
    )
    state = models.CharField(max_length=20, default="active")
    """`provisioning`, `active`, `deleting` (until `purge_at`; may be undone), `purging` (past undoing)."""
    require_second_factor = models.BooleanField(default=False)
    """The same as the organisation's, for this tenant alone. Either one suffices."""
    purge_at = models.DateTimeField(null=True)
    deletion_asked_by = models.CharField(max_length=150, blank=True)
    max_active_tasks = models.IntegerField(default=256)
    """Upper bound on queued and running tasks of the whole tenant (Airflow's `parallelism`)."""
    settings = models.JSONField(default=dict)
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        db_table = "tenant"
        constraints = [
            TenantTable(
                name="tenant_wall",
                column="id",
                wide=("auth",),
                grants={
                    "app": "SELECT, UPDATE",
                    "scheduler": "SELECT",
                    "auth": "SELECT, INSERT, UPDATE, DELETE",
                },
            )
        ]
