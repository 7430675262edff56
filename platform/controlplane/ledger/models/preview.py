"""A branch that has an environment of its own for a while: a tenant beside the one it may go to."""

from __future__ import annotations

from django.db import models

from tenants.models.tenant_model import TenantModel
from tenants.rls import TenantTable


class Preview(TenantModel):
    """A row of the tenant that the branch is meant for. `state`: active, ended."""

    branch = models.CharField(max_length=255)
    preview_tenant_id = models.UUIDField()
    slug = models.CharField(max_length=63)
    state = models.CharField(max_length=10, default="active")
    created_by = models.CharField(max_length=150, blank=True, default="")
    created_at = models.DateTimeField()
    expires_at = models.DateTimeField()
    ended_at = models.DateTimeField(null=True)

    class Meta:
        db_table = "preview"
        constraints = [
            models.UniqueConstraint(
                fields=["tenant", "branch"], name="preview_branch_uk", condition=models.Q(state="active")
            ),
            TenantTable(name="preview_wall"),
        ]
