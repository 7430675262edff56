"""What a new tenant has from the first second: pool, lease row, and its first runtime already on the way.

Passed to `tenants.provision.provision_tenant` by the doors and the demo; runs inside the tenant's scope.
"""

from __future__ import annotations

from datetime import datetime

from controlplane.bundles.runtimes import ensure_runtime
from controlplane.ledger.furnish import furnish_tenant


def furnish(*, now: datetime) -> None:
    """Make what is missing of it for the tenant in scope. Again: no change."""
    furnish_tenant()
    ensure_runtime(requirements=b"", now=now)
