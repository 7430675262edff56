"""When a platform operator entered a tenant, and why. The tenant sees its rows."""

from __future__ import annotations

from django.db import models

from tenants.models.tenant_model import TenantModel
from tenants.rls import TenantTable


class OperatorEntry(TenantModel):
    """Good until `expires_at` or `left_at`, whichever comes first. Rows are never deleted while the tenant is."""

    user = models.ForeignKey(
        "tenants.User", on_delete=models.SET_NULL, null=True, related_name="+", db_index=False
    )
    operator = models.CharField(max_length=150)
    """The operator's user name at that time."""
    role = models.CharField(max_length=20)
    reason = models.CharField(max_length=500)
    address = models.CharField(max_length=64, blank=True)
    entered_at = models.DateTimeField()
    expires_at = models.DateTimeField()
    left_at = models.DateTimeField(null=True)

    class Meta:
        db_table = "operator_entry"
        indexes = [models.Index(fields=["tenant", "user", "-expires_at"], name="operator_entry_open")]
        constraints = [
            TenantTable(
                name="operator_entry_wall",
                wide=("auth",),
                grants={"app": "SELECT, UPDATE", "auth": "SELECT, INSERT, UPDATE, DELETE"},
            )
        ]
