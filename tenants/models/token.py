"""Tokens that machines sign in with: Git pushes and API calls. Only a hash is kept."""

from __future__ import annotations

from django.db import models

from tenants.models.tenant_model import TenantModel
from tenants.rls import TenantTable


class Token(TenantModel):
    """`prefix` is shown to people, `digest` is SHA-256 of the whole token."""

    name = models.CharField(max_length=100)
    kind = models.CharField(max_length=10, choices=[("git", "git"), ("api", "api")])
    role = models.CharField(max_length=20, default="Author")
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
            )
        ]
