"""Accounts of machines: a tenant's own, with a role, never a person's."""

from __future__ import annotations

from django.db import models

from tenants.models.tenant_model import TenantModel
from tenants.rls import TenantTable


class ServiceAccount(TenantModel):
    """`user` is what grants hang on; it has no password and no membership, so nobody signs in with it."""

    name = models.CharField(max_length=100)
    description = models.CharField(max_length=500, blank=True)
    role = models.CharField(max_length=20)
    user = models.ForeignKey("tenants.User", on_delete=models.CASCADE, related_name="+", db_index=False)
    is_active = models.BooleanField(default=True)
    created_by = models.CharField(max_length=150, blank=True)
    created_at = models.DateTimeField()

    class Meta:
        db_table = "service_account"
        constraints = [
            models.UniqueConstraint(fields=["tenant", "name"], name="service_account_name_uk"),
            models.UniqueConstraint(fields=["tenant", "user"], name="service_account_user_uk"),
            TenantTable(
                name="service_account_wall",
                wide=("auth",),
                grants={"app": "SELECT", "auth": "SELECT, INSERT, UPDATE, DELETE"},
            ),
        ]
