"""How many requests a minute a tenant may make: read at most every few seconds, and only when it makes many."""

from __future__ import annotations

import time
from uuid import UUID

from tenants.limits.published import BY_NAME
from tenants.limits.read import plan_of
from tenants.models.organisation_quota import OrganisationQuota
from tenants.models.tenant_quota import TenantQuota

FLOOR = BY_NAME["api_requests_per_minute"].least
"""No plan allows fewer: below it nothing has to be read."""
FRESH_SECONDS = 5.0
MOST = 10_000
_known: dict[UUID, tuple[float, int | None]] = {}


def requests_per_minute(tenant_id: UUID) -> int | None:
    """Its limit, a few seconds old at most; None: none. Before any scope, as the sign-in role."""
    at, found = _known.get(tenant_id, (0.0, None))
    if at and time.monotonic() - at < FRESH_SECONDS:
        return found
    found = _read(tenant_id)
    if len(_known) >= MOST:
        _known.clear()
    _known[tenant_id] = (time.monotonic(), found)
    return found


def forget() -> None:
    """What was read is read again: in this process a change counts at once."""
    _known.clear()


def _read(tenant_id: UUID) -> int | None:
    name = "api_requests_per_minute"
    given = TenantQuota.objects.using("auth").filter(tenant_id=tenant_id).first()
    ours = OrganisationQuota.objects.using("auth").filter(organisation__tenants=tenant_id).first()
    for row in (given, ours):
        if row is not None and name in row.overrides:
            return row.overrides[name]  # type: ignore[no-any-return]
    plan, _ = plan_of(given.plan if given else None, ours.plan if ours else None, using="auth")
    return plan.limits.get(name) if plan else None
