"""What every tenant has from the first second: its default pool, its lease row, and a runtime to be built.

Passed to `tenants.provision.provision_tenant` by whoever makes tenants; runs inside the tenant's scope.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from controlplane.ledger.models.pool import Pool
from controlplane.ledger.models.runtime import Runtime
from controlplane.ledger.models.tenant_lease import TenantLease
from tenants.scope import require_tenant

DEFAULT_POOL = "default_pool"
DEFAULT_POOL_SLOTS = 128


@dataclass(frozen=True, slots=True)
class WantedRuntime:
    """The environment that the tenant's DAGs run in until it asks for another. `digest` names it on agents."""

    digest: str
    airflow: str
    python: str
    requirements: str = ""


def furnish_tenant(*, now: datetime, runtime: WantedRuntime | None = None) -> None:
    """Make what is missing of the above for the tenant in scope. Again: no change."""
    tenant_id = require_tenant()
    Pool.objects.bulk_create(
        [Pool(tenant_id=tenant_id, name=DEFAULT_POOL, slots=DEFAULT_POOL_SLOTS, description="Default pool")],
        ignore_conflicts=True,
    )
    TenantLease.objects.bulk_create([TenantLease(id=tenant_id, tenant_id=tenant_id)], ignore_conflicts=True)
    if runtime is not None:
        Runtime.objects.bulk_create(
            [
                Runtime(
                    tenant_id=tenant_id,
                    digest=runtime.digest,
                    airflow=runtime.airflow,
                    python=runtime.python,
                    requirements=runtime.requirements,
                    created_at=now,
                )
            ],
            ignore_conflicts=True,
        )
