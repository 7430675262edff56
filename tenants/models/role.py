"""Roles that a tenant makes itself, beside the built-in ones."""

from __future__ import annotations

from django.db import models

from tenants.models.tenant_model import TenantModel
from tenants.rls import TenantTable


class Role(TenantModel):
    """`permissions`: a list of `tenants.permissions.ALL`. Memberships and accounts name it by `name`."""

    name = models.CharField(max_length=20)
    description = models.CharField(max_length=500, blank=True)
    permissions = models.JSONField(default=list)
    created_by = models.CharField(max_length=150, blank=True)
    created_at = models.DateTimeField()
    changed_at = models.DateTimeField()

    class Meta:
        db_table = "role"
        constraints = [
            models.UniqueConstraint(fields=["tenant", "name"], name="role_name_uk"),
            TenantTable(
                name="role_wall",
                wide=("auth",),
                grants={"app": "SELECT, INSERT, UPDATE, DELETE", "auth": "SELECT, DELETE"},
            ),
        ]
