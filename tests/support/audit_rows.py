"""Reads audit rows for tests: a tenant's as its own application role, the platform's as the sign-in role."""

from __future__ import annotations

import json
from typing import Any

from tenants.models.audit_row import AuditRow, PlatformAuditRow
from tenants.models.tenant import Tenant
from tenants.scope import tenant_scope

_TEXTS = ("before", "after", "detail")


def audit_rows(tenant: Tenant, **about: Any) -> list[dict[str, Any]]:
    """The tenant's chain in order, JSON decoded; with `about` only rows with these values."""
    with tenant_scope(tenant.id):
        return [_shown(row) for row in AuditRow.objects.filter(**about).order_by("seq").values()]


def platform_rows(**about: Any) -> list[dict[str, Any]]:
    """The platform's chain."""
    rows = PlatformAuditRow.objects.using("auth").filter(**about).order_by("seq").values()
    return [_shown(row) for row in rows]


def _shown(row: dict[str, Any]) -> dict[str, Any]:
    return {name: json.loads(value) if name in _TEXTS and value else value for name, value in row.items()}
