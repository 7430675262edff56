"""Tokens that machines sign in with: Git pushes and API calls. Only a hash is kept."""

from __future__ import annotations

from django.db import models

from tenants.models.tenant_model import TenantModel, tenant_link
from tenants.rls import TenantForeignKey, TenantTable


class Token(TenantModel):
    """`prefix` is shown to people, `digest` is SHA-256 of the whole token.

    It speaks for a service account, or for the person `user` who made it, never for more than they hold; with
    neither (a tenant's first Git token) `role` alone says what it may do.
    """

    name = models.CharField(max_length=100)
    kind = models.CharField(max_length=10, choices=[("git", "git"), ("api", "api")])
    role = models.CharField(max_length=20, default="Author")
    """What it may do at most; a service account's token has the account's."""
    scopes = models.JSONField(null=True)
    """A list of permissions: it may do these at most. NULL: all that its role and its account may."""
    service_account = tenant_link("tenants.ServiceAccount", null=True)
    user = models.ForeignKey(
        "tenants.User", on_delete=models.CASCADE, null=True, related_name="+", db_index=False
    )
    replaced_by = models.UUIDField(null=True)
    """The token that a rotation made in its place; this one is good until its own `expires_at`."""
    last_used_at = models.DateTimeField(null=True)
    """Written at most once a minute."""
    prefix = models.CharField(max_length=16)
    digest = models.CharField(max_length=64, unique=True)
    created_by = models.CharField(max_length=150, blank=True)
    created_at = models.DateTimeField(auto_now_add=True)
    expires_at = models.DateTimeField(null=True)
    revoked_at = models.DateTimeField(null=True)

    class Meta:
        db_table = "token"
        constraints = [
            TenantTable(
                name="token_wall",
                wide=("auth",),
                grants={"app": "SELECT, INSERT, UPDATE", "auth": "SELECT, INSERT, UPDATE, DELETE"},
            ),
            TenantForeignKey(
                name="token_service_account_fk", column="service_account_id", target="service_account"
            ),
        ]
