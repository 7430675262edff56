"""Finds audit rows: by actor, action, target, outcome, time, address and request id, to be read by their
sequence numbers, newest first.

Inside the tenant's scope; the platform's chain as the sign-in role.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final
from uuid import UUID

from django.db.models import QuerySet

from tenants.audit.entry import FIELDS
from tenants.models.audit_row import AuditRow, PlatformAuditRow

COLUMNS: Final = (*FIELDS, "seq")


@dataclass(frozen=True, slots=True)
class Wanted:
    """None: any. `action` and `target` match what begins like them when they end with `*`."""

    actor: str | None = None
    actor_kind: str | None = None
    action: str | None = None
    target: str | None = None
    outcome: str | None = None
    address: str | None = None
    request_id: str | None = None
    since: datetime | None = None
    until: datetime | None = None


def search_tenant(*, wanted: Wanted) -> QuerySet[Any, dict[str, Any]]:
    """Rows of the tenant in scope."""
    return _found(AuditRow.objects.all(), wanted)


def search_platform(*, wanted: Wanted, organisation_id: UUID | None = None) -> QuerySet[Any, dict[str, Any]]:
    """Rows of the platform's chain, of one organisation if given."""
    rows = PlatformAuditRow.objects.using("auth")
    if organisation_id is not None:
        rows = rows.filter(organisation_id=organisation_id)
    return _found(rows, wanted)


def _found(rows: QuerySet[Any], wanted: Wanted) -> QuerySet[Any, dict[str, Any]]:
    for name in ("actor", "actor_kind", "outcome", "address", "request_id"):
        if (value := getattr(wanted, name)) is not None:
            rows = rows.filter(**{name: value})
    for name in ("action", "target"):
        value = getattr(wanted, name)
        if value is not None:
            begins = value.endswith("*")
            rows = rows.filter(**{f"{name}__startswith" if begins else name: value.removesuffix("*")})
    if wanted.since is not None:
        rows = rows.filter(at__gte=wanted.since)
    if wanted.until is not None:
        rows = rows.filter(at__lt=wanted.until)
    return rows.values(*COLUMNS)
