"""A tenant's own roles: lists of permissions from the published table, beside the built-in roles.

Called within the tenant's scope on `default`. Nobody makes, changes or gives a role that allows more than
they hold; a role is known by its name, so it cannot be renamed, and one that somebody has cannot be deleted.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from django.db import IntegrityError, transaction

from tenants.access import Access, role_permissions
from tenants.models.membership import Membership
from tenants.models.role import Role
from tenants.models.service_account import ServiceAccount
from tenants.models.token import Token
from tenants.permissions import ALL, PERMISSIONS
from tenants.scope import require_tenant

MAX_ROLES = 100
_NAME = re.compile(r"[A-Za-z][A-Za-z0-9 _.-]{0,18}[A-Za-z0-9]")


class RoleUnknown(LookupError):
    """The tenant has no such role of its own."""


class RoleInvalid(ValueError):
    """`field` of what was given is wrong: the message says how."""

    def __init__(self, field: str, message: str) -> None:
        super().__init__(message)
        self.field = field


class RoleTaken(ValueError):
    """There is a role of this name."""


class RoleBeyond(ValueError):
    """It allows more than whoever gives it holds."""


@dataclass(frozen=True, slots=True)
class RoleUse:
    """Who has a role. `members` are ids of people; at most the first hundred of each."""

    members: tuple[str, ...]
    service_accounts: tuple[str, ...]
    tokens: tuple[str, ...]

    def __bool__(self) -> bool:
        return bool(self.members or self.service_accounts or self.tokens)


class RoleInUse(ValueError):
    """Somebody has it. `use` says who."""

    def __init__(self, name: str, use: RoleUse) -> None:
        super().__init__(
            f"the role '{name}' is in use by {len(use.members)} members, {len(use.service_accounts)} service "
            f"accounts and {len(use.tokens)} tokens: give them another one first"
        )
        self.use = use


def find_role(name: str, *, tenant_id: UUID, using: str = "default") -> frozenset[str] | None:
    """What the built-in role, or the tenant's own, allows. None: there is no such role."""
    if name in PERMISSIONS:
        return PERMISSIONS[name]
    rows = Role.objects.using(using).filter(tenant_id=tenant_id, name=name)
    own = rows.values_list("permissions", flat=True).first()
    return None if own is None else role_permissions(name, own)


def check_given(*, role: str, by: Access, using: str = "default") -> None:
    """That the role exists and allows no more than `by` holds. Raises `RoleInvalid`, `RoleBeyond`. With
    `using="auth"` no scope needs to be open."""
    allowed = find_role(role, tenant_id=by.tenant_id, using=using)
    if allowed is None:
        raise RoleInvalid("role", f"there is no role '{role}'")
    check_within(allowed, by)


def check_within(permissions: frozenset[str], by: Access) -> None:
    """That `by` holds all of them. Raises `RoleBeyond`."""
    beyond = sorted(permissions - by.permissions)
    if beyond:
        raise RoleBeyond(f"your role {by.role} does not hold {', '.join(beyond[:5])}: you cannot give it")


def create_role(*, name: str, description: str, permissions: list[str], by: Access, now: datetime) -> Role:
    """A role of the tenant's own. Raises `RoleInvalid`, `RoleBeyond`, `RoleTaken`."""
    if not _NAME.fullmatch(name):
        raise RoleInvalid("name", "a role's name has 2 to 20 letters, digits, spaces and _ . - inside")
    if name.lower() in {known.lower() for known in PERMISSIONS}:
        raise RoleTaken(f"'{name}' is a built-in role")
    check_within(_known(permissions), by)
    if Role.objects.count() >= MAX_ROLES:
        raise RoleInvalid("name", f"a tenant has at most {MAX_ROLES} roles of its own")
    row = Role(
        tenant_id=require_tenant(),
        name=name,
        description=description,
        permissions=sorted(_known(permissions)),
        created_by=by.name,
        created_at=now,
        changed_at=now,
    )
    try:
        with transaction.atomic(using="default"):
            row.save(using="default", force_insert=True)
    except IntegrityError as error:
        raise RoleTaken(f"there is a role '{name}' already") from error
    return row


def change_role(
    *, name: str, description: str | None, permissions: list[str] | None, by: Access, now: datetime
) -> tuple[Role, list[str]]:
    """The role as it is now, and what it allowed before. Who changes it must hold what it allowed, too: a role
    that allows more than they hold is out of their reach. Raises as `create_role`, and `RoleUnknown`."""
    row = _locked(name)
    before = list(row.permissions)
    check_within(frozenset(before) & ALL.keys(), by)
    if permissions is not None:
        check_within(_known(permissions), by)
        row.permissions = sorted(_known(permissions))
    if description is not None:
        row.description = description
    row.changed_at = now
    row.save(using="default", update_fields=["permissions", "description", "changed_at"])
    return row, before


def delete_role(*, name: str) -> Role:
    """Raises `RoleUnknown`, `RoleInUse`. A membership that gets it in the same moment allows nothing."""
    row = _locked(name)
    use = use_of(name)
    if use:
        raise RoleInUse(name, use)
    Role.objects.filter(id=row.id).delete()
    return row


def use_of(name: str) -> RoleUse:
    """Who has the role."""
    return RoleUse(
        members=tuple(
            str(i) for i in Membership.objects.filter(role=name).values_list("user_id", flat=True)[:100]
        ),
        service_accounts=tuple(ServiceAccount.objects.filter(role=name).values_list("name", flat=True)[:100]),
        tokens=tuple(
            Token.objects.filter(role=name, revoked_at=None, service_account_id=None).values_list(
                "name", flat=True
            )[:100]
        ),
    )


def _locked(name: str) -> Role:
    row = Role.objects.select_for_update().filter(name=name).first()
    if row is None:
        built_in = " It is built in and cannot be changed." if name in PERMISSIONS else ""
        raise RoleUnknown(f"this tenant has no role '{name}' of its own.{built_in}")
    return row


def _known(permissions: list[str]) -> frozenset[str]:
    unknown = sorted(set(permissions) - ALL.keys())
    if unknown:
        raise RoleInvalid("permissions", f"there is no permission '{unknown[0]}'")
    return frozenset(permissions)
