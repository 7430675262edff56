"""Stops and resumes scheduling for one tenant, whatever is due for it: its lease is given to nobody.

Attempts that run already go on and are recorded; nothing new starts. Inside the tenant's scope, as the
scheduler's role. Called when a tenant is to be deleted, and when that is undone.
"""

from __future__ import annotations

from controlplane.foundation.db import execute, notify
from tenants.scope import require_tenant


def freeze_tenant(*, using: str = "scheduler") -> bool:
    """Waits for the round that goes on. False when it was frozen already."""
    tenant = require_tenant(using=using)
    return bool(execute("ledger/sql/freeze_lease.sql", using=using, tenant=tenant))


def thaw_tenant(*, using: str = "scheduler") -> bool:
    """What came due in the meantime is worked off now. False when it was not frozen."""
    tenant = require_tenant(using=using)
    thawed = bool(execute("ledger/sql/thaw_lease.sql", using=using, tenant=tenant))
    if thawed:
        notify("work", str(tenant), using=using)
    return thawed
