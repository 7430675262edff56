"""An invitation into a tenant, sent by mail. The link's secret is signed from `id`, so no secret is kept."""

from __future__ import annotations

from django.db import models

from tenants.models.membership import ROLES
from tenants.models.tenant_model import TenantModel
from tenants.rls import TenantTable


class Invitation(TenantModel):
    """Good once, until `expires_at`, for whoever owns the mail address."""

    email = models.EmailField()
    role = models.CharField(max_length=20, choices=[(role, role) for role in ROLES])
    invited_by = models.CharField(max_length=150)
    created_at = models.DateTimeField()
    expires_at = models.DateTimeField()
    accepted_at = models.DateTimeField(null=True)
    accepted_by = models.CharField(max_length=150, blank=True)
    revoked_at = models.DateTimeField(null=True)

    class Meta:
        db_table = "invitation"
        constraints = [
            TenantTable(
                name="invitation_wall",
                wide=("auth",),
                grants={"app": "SELECT, INSERT, UPDATE", "auth": "SELECT, UPDATE, DELETE"},
            )
        ]
