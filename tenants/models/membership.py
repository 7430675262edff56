"""Who is in which tenant, in which role."""

from __future__ import annotations

from django.db import models

from tenants.models.tenant_model import TenantModel
from tenants.rls import TenantTable

ROLES = ("Owner", "Admin", "Op", "Author", "Viewer")
"""From most to least allowed; what each may do is `tenants.permissions`."""


class Membership(TenantModel):
    """One person in one tenant."""

    user = models.ForeignKey("tenants.User", on_delete=models.CASCADE, related_name="memberships")
    role = models.CharField(max_length=20, choices=[(role, role) for role in ROLES])
    provider = models.ForeignKey(
        "tenants.IdentityProvider", on_delete=models.SET_NULL, null=True, related_name="+"
    )
    """Whose groups gave the role, and may take it away; NULL: a person did."""
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        db_table = "membership"
        constraints = [
            models.UniqueConstraint(fields=["tenant", "user"], name="membership_tenant_user_uk"),
            TenantTable(
                name="membership_wall",
                wide=("auth",),
                grants={"app": "SELECT", "auth": "SELECT, INSERT, UPDATE, DELETE"},
            ),
        ]
