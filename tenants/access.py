"""Where a person may go, and as what: one look-up as the sign-in role, before any tenant's scope is open."""

from __future__ import annotations

from dataclasses import dataclass
from uuid import UUID

from tenants.models.membership import Membership
from tenants.models.tenant import Tenant
from tenants.permissions import PERMISSIONS


@dataclass(frozen=True, slots=True)
class Access:
    """Somebody, or a token, in one active tenant. `name` is what event logs show."""

    tenant_id: UUID
    slug: str
    role: str
    name: str
    user_id: UUID | None = None

    def may(self, permission: str) -> bool:
        """Whether the role holds `permission` (one of `tenants.permissions.ALL`)."""
        return permission in PERMISSIONS[self.role]


def find_access(*, user_id: UUID, slug: str) -> Access | None:
    """The person's access to the active tenant at `slug`. None when there is no such tenant, no membership,
    or the person is switched off: all the same to whoever asks."""
    row = (
        Membership.objects.using("auth")
        .filter(user_id=user_id, user__is_active=True, tenant__slug=slug, tenant__state="active")
        .values_list("tenant_id", "role", "user__username")
        .first()
    )
    return Access(row[0], slug, row[1], row[2], user_id) if row else None


def tenants_of(*, user_id: UUID) -> list[tuple[Tenant, str]]:
    """Every tenant of a person with their role there, by name."""
    rows = (
        Membership.objects.using("auth")
        .filter(user_id=user_id, user__is_active=True)
        .select_related("tenant")
        .order_by("tenant__slug")
    )
    return [(row.tenant, row.role) for row in rows]
