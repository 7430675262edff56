"""Platform operators: they see which tenants there are, never what is in them, until they enter one.

Entering needs a reason, lasts for a while, and is a row that the tenant sees. Runs as the sign-in role, before
any tenant's scope is open. Suspending a tenant closes its doors to members and tokens and starts nothing more.
"""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from django.db import transaction
from django.db.models import QuerySet

from tenants.audit.record import record_change, record_platform_change
from tenants.models.operator_entry import OperatorEntry
from tenants.models.tenant import Tenant

ENTRY_ROLES = ("Viewer", "Op", "Admin")
"""What an operator may be in a tenant: never an Owner."""
LONGEST_ENTRY_MINUTES = 8 * 60
SHORTEST_REASON = 10
_SHOWN = ("id", "slug", "name", "state", "environment", "organisation_id", "organisation__name", "created_at")


class TenantUnknown(LookupError):
    """There is no such tenant."""


class TenantNotThere(ValueError):
    """The tenant is in another state than this asks for."""


class EntryUnknown(LookupError):
    """The operator has no such entry, or it is over."""


def tenants_named(*, contains: str = "") -> QuerySet[Tenant, Any]:
    """Tenants whose name in addresses contains this. No content of any tenant."""
    found: QuerySet[Tenant, Any] = (
        Tenant.objects.using("auth").filter(slug__contains=contains).values(*_SHOWN)
    )
    return found


def find_tenant(*, slug: str) -> dict[str, Any]:
    """The same of one. Raises TenantUnknown."""
    row = Tenant.objects.using("auth").filter(slug=slug).values(*_SHOWN).first()
    if row is None:
        raise TenantUnknown(f"there is no tenant '{slug}'")
    return shown(row)


def shown(row: dict[str, Any]) -> dict[str, Any]:
    """A row as it is told."""
    return {key.replace("organisation__name", "organisation"): value for key, value in row.items()}


def suspend(*, slug: str, reason: str) -> Tenant:
    """Close the tenant's doors. Again: TenantNotThere. Raises TenantUnknown."""
    return _move(slug, ("active",), "suspended", reason)


def resume(*, slug: str, reason: str) -> Tenant:
    """Open them again. Raises TenantUnknown, TenantNotThere."""
    return _move(slug, ("suspended",), "active", reason)


def enter_tenant(
    *,
    slug: str,
    user_id: UUID,
    username: str,
    role: str,
    reason: str,
    minutes: int,
    address: str,
    now: datetime,
) -> OperatorEntry:
    """Access for `minutes`. The tenant's audit has it, and the platform's. Raises TenantUnknown, TenantNotThere."""
    with transaction.atomic(using="auth"):
        tenant = _locked(slug)
        if tenant.state not in ("active", "suspended"):
            raise TenantNotThere(f"the tenant '{slug}' is {tenant.state}")
        entry = OperatorEntry(
            tenant_id=tenant.id,
            user_id=user_id,
            operator=username,
            role=role,
            reason=reason,
            address=address[:64],
            entered_at=now,
            expires_at=now + timedelta(minutes=minutes),
        )
        entry.save(using="auth", force_insert=True)
        shown = {
            "operator": username,
            "role": role,
            "reason": reason,
            "expires_at": entry.expires_at.isoformat(),
        }
        record_platform_change(action="operator.entered", target=f"tenant:{slug}", after=shown)
        record_change(
            action="operator.entered",
            target=f"operator_entry:{entry.id}",
            after=shown,
            using="auth",
            tenant_id=tenant.id,
        )
    return entry


def leave_tenant(*, entry_id: UUID, user_id: UUID, now: datetime) -> OperatorEntry:
    """End an entry of one's own before its time. Raises EntryUnknown."""
    with transaction.atomic(using="auth"):
        rows = OperatorEntry.objects.using("auth").select_for_update(of=("self",))
        entry = rows.filter(id=entry_id, user_id=user_id, left_at=None, expires_at__gt=now).first()
        if entry is None:
            raise EntryUnknown("you have no such entry, or it is over")
        entry.left_at = now
        entry.save(using="auth", update_fields=["left_at"])
        record_change(
            action="operator.left",
            target=f"operator_entry:{entry.id}",
            after={"operator": entry.operator},
            using="auth",
            tenant_id=entry.tenant_id,
        )
    return entry


def entries_of(*, user_id: UUID, now: datetime) -> QuerySet[OperatorEntry, Any]:
    """The operator's own entries that are open."""
    rows = OperatorEntry.objects.using("auth").filter(user_id=user_id, left_at=None, expires_at__gt=now)
    return rows.values("id", "tenant__slug", "role", "reason", "entered_at", "expires_at")


def _move(slug: str, wanted: tuple[str, ...], state: str, reason: str) -> Tenant:
    with transaction.atomic(using="auth"):
        tenant = _locked(slug)
        before = tenant.state
        if before not in wanted:
            raise TenantNotThere(f"the tenant '{slug}' is {before}")
        tenant.state = state
        tenant.save(using="auth", update_fields=["state"])
        was, now, why = {"state": before}, {"state": state}, {"reason": reason}
        action = f"tenant.{'suspended' if state == 'suspended' else 'resumed'}"
        target = f"tenant:{slug}"
        record_platform_change(action=action, target=target, before=was, after=now, detail=why)
        record_change(
            action=action,
            target=target,
            before=was,
            after=now,
            detail=why,
            using="auth",
            tenant_id=tenant.id,
        )
    return tenant


def _locked(slug: str) -> Tenant:
    tenant = Tenant.objects.using("auth").select_for_update(of=("self",)).filter(slug=slug).first()
    if tenant is None:
        raise TenantUnknown(f"there is no tenant '{slug}'")
    return tenant
