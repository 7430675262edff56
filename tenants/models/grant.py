"""Grants: what a person or a service account may do with a part of a tenant, beyond their role.

guardian's model of a permission on one object, with a direct foreign key and a tenant: its generic table has
neither, so it could not be walled (docs/adr/0023). The object is what is named: a DAG, a tag, a prefix.
"""

from __future__ import annotations

from typing import Any, ClassVar

from django.contrib.auth.models import Permission
from django.db import models
from guardian.managers import UserObjectPermissionManager
from guardian.models.models import UserObjectPermissionBase

from domain.ids import uuid7
from tenants.models.tenant_model import TenantModel
from tenants.rls import TenantForeignKey, TenantTable

_GRANTS = {"app": "SELECT, INSERT, UPDATE, DELETE", "auth": "SELECT, DELETE"}


class GrantTarget(TenantModel):
    """`name`: of the DAG, tag, owner or pool, or the beginning of the names of connections or variables."""

    kind = models.CharField(max_length=20)
    """One of `tenants.permissions.GRANTABLE`."""
    name = models.CharField(max_length=256)

    class Meta:
        db_table = "grant_target"
        default_permissions = ()
        permissions = [("read", "See what it names"), ("edit", "See and change what it names")]
        constraints = [
            models.UniqueConstraint(fields=["tenant", "kind", "name"], name="grant_target_name_uk"),
            TenantTable(name="grant_target_wall", wide=("auth",), grants=_GRANTS),
        ]


class Grant(UserObjectPermissionBase, TenantModel):
    """`user` may do `permission` (`read` or `edit`) with what `content_object` names."""

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    user = models.ForeignKey("tenants.User", on_delete=models.CASCADE, related_name="+", db_index=False)
    permission = models.ForeignKey(
        Permission, on_delete=models.CASCADE, related_name="+", db_index=False, db_constraint=False
    )
    content_object = models.ForeignKey(
        GrantTarget, on_delete=models.CASCADE, related_name="+", db_constraint=False, db_index=False
    )
    granted_by = models.CharField(max_length=150, blank=True)
    created_at = models.DateTimeField(auto_now_add=True)

    objects: ClassVar[UserObjectPermissionManager] = UserObjectPermissionManager()

    class Meta:
        db_table = "object_grant"
        default_permissions = ()
        unique_together: ClassVar[list[str]] = []
        constraints = [
            models.UniqueConstraint(
                fields=["tenant", "user", "content_object", "permission"], name="object_grant_uk"
            ),
            TenantTable(name="object_grant_wall", wide=("auth",), grants=_GRANTS),
            TenantForeignKey(
                name="object_grant_target_fk", column="content_object_id", target="grant_target"
            ),
        ]

    def save(self, *args: Any, **kwargs: Any) -> None:
        """guardian makes the row from its target alone: it is the target's tenant's."""
        self.tenant_id = self.content_object.tenant_id
        super().save(*args, **kwargs)
