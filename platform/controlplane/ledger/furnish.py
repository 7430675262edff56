"""The rows of the ledger that every tenant has from the first second: its default pool and its lease row.

Called by `controlplane.bundles.furnish`; runs inside the tenant's scope.
"""

from __future__ import annotations

from controlplane.ledger.models.pool import Pool
from controlplane.ledger.models.tenant_lease import TenantLease
from tenants.scope import require_tenant

DEFAULT_POOL = "default_pool"
DEFAULT_POOL_SLOTS = 128


def furnish_tenant() -> None:
    """Make what is missing of them for the tenant in scope. Again: no change."""
    tenant_id = require_tenant()
    Pool.objects.bulk_create(
        [Pool(tenant_id=tenant_id, name=DEFAULT_POOL, slots=DEFAULT_POOL_SLOTS, description="Default pool")],
        ignore_conflicts=True,
    )
    TenantLease.objects.bulk_create([TenantLease(id=tenant_id, tenant_id=tenant_id)], ignore_conflicts=True)
