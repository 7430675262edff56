"""The organisation: who owns tenants. Its production, staging and preview environments are a tenant each."""

from __future__ import annotations

from django.db import models

from domain.ids import uuid7
from tenants.rls import PlatformTable


class Organisation(models.Model):
    """Holds no tenant's content. Only the sign-in role reads it, before any tenant's scope is open."""

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    name = models.CharField(max_length=200)
    require_second_factor = models.BooleanField(default=False)
    """Whether people enter its tenants by a password only with a second factor."""
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        db_table = "organisation"
        constraints = [
            PlatformTable(name="organisation_grants", grants={"auth": "SELECT, INSERT, UPDATE, DELETE"})
        ]
