"""Finds audit rows: by actor, action, target, outcome, time, address and request id, newest first, a page at a time.

Inside the tenant's scope; the platform's chain as the sign-in role. Pages go by sequence number: a row that comes in
between moves nothing.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final
from uuid import UUID

from django.db.models import QuerySet

from tenants.audit.entry import FIELDS
from tenants.models.audit_row import AuditRow, PlatformAuditRow

MOST: Final = 500
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


def search_tenant(*, wanted: Wanted, before: int | None, limit: int) -> list[dict[str, Any]]:
    """Rows of the tenant in scope below `before`."""
    return _page(AuditRow.objects.all(), wanted, before, limit)


def search_platform(
    *, wanted: Wanted, before: int | None, limit: int, organisation_id: UUID | None = None
) -> list[dict[str, Any]]:
    """Rows of the platform's chain, of one organisation if given."""
    rows = PlatformAuditRow.objects.using("auth")
    if organisation_id is not None:
        rows = rows.filter(organisation_id=organisation_id)
    return _page(rows, wanted, before, limit)


def _page(rows: QuerySet[Any], wanted: Wanted, before: int | None, limit: int) -> list[dict[str, Any]]:
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
    if before is not None:
        rows = rows.filter(seq__lt=before)
    return list(rows.order_by("-seq").values(*COLUMNS)[: min(limit, MOST)])
