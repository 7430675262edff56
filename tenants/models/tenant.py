"""The tenant: the unit of isolation. An environment is this row and what hangs on it."""

from __future__ import annotations

from django.db import models

from domain.ids import uuid7
from tenants.rls import TenantTable


class Tenant(models.Model):
    """A team's Airflow. `slug` is its address: `/t/<slug>/`."""

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    slug = models.SlugField(max_length=63, unique=True)
    name = models.CharField(max_length=200)
    state = models.CharField(max_length=20, default="active")
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
