"""How large this tenant's bundles may be: its quota, within what the installation takes from anybody."""

from __future__ import annotations

from dataclasses import replace
from uuid import UUID

from controlplane.bundles.limits import Limits, configured_limits
from tenants.limits.read import read_quota
from tenants.scope import tenant_scope


def limits_for(*, tenant_id: UUID) -> Limits:
    """The smaller ones of the two. Opens the tenant's scope unless it is open."""
    limits = configured_limits()
    with tenant_scope(tenant_id):
        most = read_quota().value("bundle_bytes")
    return limits if most is None else replace(limits, total_bytes=min(limits.total_bytes, int(most)))
