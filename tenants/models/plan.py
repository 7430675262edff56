"""Plans: what a tenant may use at most, and what a unit of use costs. Of the platform, edited by operators."""

from __future__ import annotations

from django.db import models

from domain.ids import uuid7
from tenants.rls import PlatformTable


class Plan(models.Model):
    """`limits` and `prices` are keyed by the names of `tenants.limits.published`; a limit that is absent or null is
    none. At most one plan `is_default`: it is that of every tenant which names none."""

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    name = models.SlugField(max_length=63, unique=True)
    title = models.CharField(max_length=200)
    limits = models.JSONField(default=dict)
    prices = models.JSONField(default=dict)
    """Millionths of the currency's unit: per task-hour, CPU-hour, GiB-hour of memory, GiB-month of storage."""
    currency = models.CharField(max_length=3, default="EUR")
    is_default = models.BooleanField(default=False)
    is_offered = models.BooleanField(default=False)
    """Owners of organisations may choose it themselves."""
    changed_at = models.DateTimeField()
    changed_by = models.CharField(max_length=150)

    class Meta:
        db_table = "plan"
        constraints = [
            models.UniqueConstraint(
                fields=["is_default"], name="plan_default_uk", condition=models.Q(is_default=True)
            ),
            PlatformTable(
                name="plan_grants",
                grants={"app": "SELECT", "scheduler": "SELECT", "auth": "SELECT, INSERT, UPDATE, DELETE"},
            ),
        ]
