"""Grants of parts of a tenant: what a member or a service account may do there, beyond their role.

`read` or `edit` on a DAG, on the DAGs with a tag or of an owner, on a pool, or on connections or variables whose
names begin so (`tenants.permissions.GRANTABLE`). Called within the tenant's scope on `default`. Nobody grants
more than they hold; a grant ends with the membership of who has it, since nothing opens without one.
"""

from __future__ import annotations

from typing import Any
from uuid import UUID

from django.db.models import QuerySet

from tenants.access import Access
from tenants.models.grant import Grant, GrantTarget
from tenants.models.membership import Membership
from tenants.models.service_account import ServiceAccount
from tenants.models.user import User
from tenants.permissions import GRANTABLE, LEVELS, granted_permissions
from tenants.roles import check_within
from tenants.scope import require_tenant

MAX_GRANTS = 1000
"""Per person or account: each request that needs them reads them."""


class GrantUnknown(LookupError):
    """The tenant has no such grant."""


class GrantInvalid(ValueError):
    """`field` of what was asked for is wrong: the message says how."""

    def __init__(self, field: str, message: str) -> None:
        super().__init__(message)
        self.field = field


def all_grants() -> QuerySet[Grant, dict[str, Any]]:
    """All of the tenant's, to be told by `told_grants`."""
    return Grant.objects.values(
        "id", "user_id", "permission__codename", "content_object__kind", "content_object__name", "granted_by",
        "created_at",
    )  # fmt: skip


def told_grants(listed: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Rows of `all_grants` with the names of those who hold them."""
    ids = {row["user_id"] for row in listed}
    accounts = dict(ServiceAccount.objects.filter(user_id__in=ids).values_list("user_id", "name"))
    people = dict(
        User.objects.using("auth").filter(id__in=ids - accounts.keys()).values_list("id", "username")
    )
    return [
        {
            "id": row["id"],
            "grantee": accounts.get(row["user_id"]) or people.get(row["user_id"], ""),
            "grantee_kind": "service_account" if row["user_id"] in accounts else "person",
            "kind": row["content_object__kind"],
            "name": row["content_object__name"],
            "level": row["permission__codename"],
            "granted_by": row["granted_by"],
            "created_at": row["created_at"],
        }
        for row in listed
    ]


def grant(
    *, username: str | None, service_account: str | None, kind: str, name: str, level: str, by: Access
) -> Grant:
    """Give it; the same again changes nothing. Raises GrantInvalid, RoleBeyond."""
    if kind not in GRANTABLE:
        raise GrantInvalid("kind", f"there is no kind '{kind}': choose one of {', '.join(GRANTABLE)}")
    if level not in LEVELS:
        raise GrantInvalid("level", f"there is no level '{level}': choose one of {', '.join(LEVELS)}")
    if not name or len(name) > 256 or "\x00" in name:
        raise GrantInvalid("name", "a name has 1 to 256 characters")
    check_within(granted_permissions(kind, level), by)
    user = _grantee(username, service_account)
    if Grant.objects.filter(user_id=user.id).count() >= MAX_GRANTS:
        raise GrantInvalid(
            "name", f"one person or account has at most {MAX_GRANTS} grants: grant a tag or a prefix"
        )
    tenant_id = require_tenant()
    target, _ = GrantTarget.objects.get_or_create(tenant_id=tenant_id, kind=kind, name=name)
    made: Grant = Grant.objects.assign_perm(level, user, target)
    if not made.granted_by:
        made.granted_by = by.name
        made.save(using="default", update_fields=["granted_by"])
    return made


def revoke(*, grant_id: UUID, by: Access) -> dict[str, Any]:
    """Take it back; returns what it was. Raises GrantUnknown, RoleBeyond."""
    row = Grant.objects.filter(id=grant_id).select_related("content_object", "permission").first()
    if row is None:
        raise GrantUnknown(f"this tenant has no grant {grant_id}")
    target, level = row.content_object, row.permission.codename
    check_within(granted_permissions(target.kind, level), by)
    Grant.objects.filter(id=grant_id).delete()
    if not Grant.objects.filter(content_object_id=target.id).exists():
        GrantTarget.objects.filter(id=target.id).delete()
    return {"user_id": str(row.user_id), "kind": target.kind, "name": target.name, "level": level}


def _grantee(username: str | None, service_account: str | None) -> User:
    """The member's or the account's user row, by name."""
    if (username is None) == (service_account is None):
        raise GrantInvalid(
            "username", "name either a member (username) or a service account (service_account)"
        )
    if service_account is not None:
        user_id = (
            ServiceAccount.objects.filter(name=service_account).values_list("user_id", flat=True).first()
        )
        if user_id is None:
            raise GrantInvalid("service_account", f"this tenant has no service account '{service_account}'")
        return User(id=user_id)
    members = Membership.objects.using("auth").filter(tenant_id=require_tenant(), user__username=username)
    user_id = members.values_list("user_id", flat=True).first()
    if user_id is None:
        raise GrantInvalid("username", f"this tenant has no member '{username}'")
    return User(id=user_id)
