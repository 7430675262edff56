"""What a tenant has pushed and nothing uses any more is deleted: contents of DAGs, bundle versions with their deployments,
parse results, runtimes, overlays. Called by the tenant's round of pruning (`prune.py`).

In batches, a transaction each, under the lock that publishing and deploying take: what is in force stays true. Files of
artefacts go later, once no tenant has a bundle of them (`bundles.artefact.sweep`).
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from datetime import datetime
from uuid import UUID

from controlplane.foundation.db import execute
from tenants.models.tenant import Tenant
from tenants.scope import tenant_scope

VERSIONS = 50
BUNDLES = 20
LEFTOVERS = 200

Step = Callable[[UUID, datetime, "Counter[str]"], bool]
"""One batch; whether there may be another one."""


def prune_bundles(*, tenant_id: UUID, before: datetime, batches: int, done: Counter[str]) -> bool:
    """At most so many batches of each kind; whether there may be more."""
    # All of them, in this order: each leaves work for the next.
    full = [_repeat(step, tenant_id, before, batches, done) for step in (_versions, _bundles, _leftovers)]
    return any(full)


def _repeat(step: Step, tenant_id: UUID, before: datetime, batches: int, done: Counter[str]) -> bool:
    """Until a batch is not full, or there were enough of them; whether the last one was full."""
    return all(step(tenant_id, before, done) for _ in range(batches))


def _versions(tenant_id: UUID, before: datetime, done: Counter[str]) -> bool:
    """Looked for outside of the lock: that reads the runs of each DAG."""
    with tenant_scope(tenant_id):
        rows = execute("maintenance/sql/pick_old_versions.sql", before=before, batch=VERSIONS)
    if not rows:
        return False
    with tenant_scope(tenant_id):
        execute("ledger/sql/lock_tenant.sql")
        gone = execute("maintenance/sql/drop_versions.sql", ids=[row[0] for row in rows])[0][0]
    done["dag_versions"] += gone
    return len(rows) == VERSIONS and gone > 0


def _bundles(tenant_id: UUID, before: datetime, done: Counter[str]) -> bool:
    with tenant_scope(tenant_id):
        execute("ledger/sql/lock_tenant.sql")
        held = Tenant.objects.values_list("settings", flat=True).get(id=tenant_id)
        pinned = held.get("pinned_deployment")
        gone: int = execute(
            "maintenance/sql/drop_bundles.sql",
            before=before,
            batch=BUNDLES,
            pinned=pinned if isinstance(pinned, int) else None,
        )[0][0]
    done["bundles"] += gone
    return gone == BUNDLES


def _leftovers(tenant_id: UUID, before: datetime, done: Counter[str]) -> bool:
    with tenant_scope(tenant_id):
        execute("ledger/sql/lock_tenant.sql")
        counts = execute("maintenance/sql/drop_leftovers.sql", before=before, batch=LEFTOVERS)[0]
    names = ("parse_results", "runtimes", "overlays", "artefacts", "commit_statuses")
    for name, count in zip(names, counts, strict=True):
        if count:
            done[name] += count
    return LEFTOVERS in counts
