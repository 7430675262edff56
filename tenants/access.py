"""Where somebody may go, and as what: one look-up as the sign-in role, before any tenant's scope is open."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass
from uuid import UUID

from django.db.models import Case, Exists, OuterRef, Q, QuerySet, Subquery, Value, When
from django.db.models.functions import Now

from tenants.models.grant import Grant
from tenants.models.membership import Membership
from tenants.models.operator_entry import OperatorEntry
from tenants.models.role import Role
from tenants.models.sign_in_factor import SignInFactor
from tenants.part import Part, enter_part
from tenants.permissions import ALL, AREAS, LASTING, PERMISSIONS, granted_permissions

REQUIRED = ("tenant__require_second_factor", "tenant__organisation__require_second_factor")
"""Where a row with a tenant says that a second factor is required."""


class SecondFactorMissing(Exception):
    """The tenant, or its organisation, wants a second factor, and the person has set up none."""

    def __init__(self) -> None:
        super().__init__(
            "a second factor is required here: set one up in your account (/me/factors), then come back"
        )


@dataclass(frozen=True, slots=True)
class Access:
    """A person, a token or an operator in one active tenant. `name` is what event logs show."""

    tenant_id: UUID
    slug: str
    role: str
    name: str
    user_id: UUID | None = None
    """The person who asks; None for tokens."""
    permissions: frozenset[str] = frozenset()
    """Held for the whole tenant."""
    grantee_id: UUID | None = None
    """Whose grants of parts count: the person's, or the service account's."""
    cap: frozenset[str] | None = None
    """A token with scopes: grants give nothing beyond these."""
    entry_id: UUID | None = None
    """The entry that a platform operator is here by."""
    reason: str = ""
    """Why the operator entered."""
    lacks_factor: bool = False
    """A second factor is required here, and the person has none: see `tenants.sign_in_policy`."""

    def may(self, permission: str) -> bool:
        """Whether they hold `permission` (one of `tenants.permissions.ALL`) for the whole tenant."""
        return permission in self.permissions

    def admit(self, permission: str) -> bool:
        """Whether they hold it for the whole tenant, or for a part: then the request's scopes show that part
        alone from here on (`tenants.part`). Doors ask this; it costs a look-up only when the role says no."""
        if self.may(permission):
            enter_part(None)
            return True
        part = find_part(self, permission)
        if part is not None:
            enter_part(part)
        return part is not None

    def sees_beyond(self, permission: str) -> bool:
        """Whether they may read all rows of the kind that `permission` is about: what is refused to them is
        forbidden then, and not absent."""
        area = AREAS.get(permission)
        return area is not None and self.may(f"{area}s.read")


def role_permissions(role: str, own: list[str] | None) -> frozenset[str]:
    """What a role allows: a built-in one, or the tenant's own with the list `own`. Nothing when it is gone."""
    return PERMISSIONS[role] if role in PERMISSIONS else frozenset(own or ()) & ALL.keys()


def own_role(name: str = "role", *, tenant: str = "tenant_id") -> Subquery:
    """The permissions of the tenant's own role that a row names, to be annotated."""
    rows = Role.objects.filter(tenant_id=OuterRef(tenant), name=OuterRef(name))
    return Subquery(rows.values("permissions")[:1])


def find_access(*, user_id: UUID, slug: str) -> Access | None:
    """The person's access to the active tenant at `slug`. None when there is no such tenant, no membership,
    or the person is switched off: all the same to whoever asks."""
    row = (
        Membership.objects.using("auth")
        .filter(user_id=user_id, user__is_active=True, tenant__slug=slug, tenant__state="active")
        .values_list("tenant_id", "role", "user__username", own_role(), lacks_factor(*REQUIRED))
        .first()
    )
    if row is None:
        return _find_entry(user_id, slug)
    return Access(
        row[0],
        slug,
        row[1],
        row[2],
        user_id,
        permissions=role_permissions(row[1], row[3]),
        grantee_id=user_id,
        lacks_factor=row[4],
    )


def lacks_factor(*wanted: str) -> Case:
    """Whether one of the flags `wanted` is set and the row's `user_id` has no second factor in use, to be annotated.
    One look-up of an index, and only where one is set."""
    factors = SignInFactor.objects.filter(user_id=OuterRef("user_id"), confirmed_at__isnull=False)
    required = Q(*((name, True) for name in wanted), _connector=Q.OR)
    return Case(When(required, then=~Exists(factors.exclude(kind="recovery"))), default=Value(False))


def find_part(access: Access, permission: str) -> Part | None:
    """The part of the tenant for which grants give this permission, if any."""
    area = AREAS.get(permission)
    if area is None or access.grantee_id is None or (access.cap is not None and permission not in access.cap):
        return None
    rows = (
        Grant.objects.using("auth")
        .filter(tenant_id=access.tenant_id, user_id=access.grantee_id)
        .values_list("content_object__kind", "content_object__name", "permission__codename")
    )
    names: defaultdict[str, list[str]] = defaultdict(list)
    for kind, name, level in rows:
        if permission in granted_permissions(kind, level):
            names[kind].append(name)
    if not names:
        return None
    return Part(access.tenant_id, area, {kind: tuple(found) for kind, found in names.items()})


def tenants_of(*, user_id: UUID) -> QuerySet[Membership]:
    """A person's place in each of their tenants."""
    rows = Membership.objects.using("auth").filter(user_id=user_id, user__is_active=True)
    return rows.select_related("tenant")


def _find_entry(user_id: UUID, slug: str) -> Access | None:
    """A platform operator who has entered the tenant, and whose time is not over."""
    row = (
        OperatorEntry.objects.using("auth")
        .filter(user_id=user_id, user__is_active=True, user__is_operator=True, tenant__slug=slug)
        .filter(tenant__state__in=("active", "suspended"), left_at=None, expires_at__gt=Now())
        .values_list("tenant_id", "role", "operator", "id", "reason", lacks_factor(*REQUIRED))
        .first()
    )
    if row is None:
        return None
    name = f"operator:{row[2]}"
    held = PERMISSIONS[row[1]] - LASTING
    return Access(
        row[0],
        slug,
        row[1],
        name,
        user_id,
        permissions=held,
        entry_id=row[3],
        reason=row[4],
        lacks_factor=row[5],
    )
