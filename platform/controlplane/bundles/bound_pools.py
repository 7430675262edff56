"""Pools that a deployment binds: set when it comes into force, given back when it goes.

A pool that somebody changed by hand meanwhile stays as they left it.
"""

from __future__ import annotations

from controlplane.ledger.models.deployment import Deployment
from controlplane.ledger.models.pool import Pool
from tenants.scope import current_tenant


def bind_pools(*, before: Deployment | None, after: Deployment, using: str) -> dict[str, int | None]:
    """Bring the tenant's pools to what `after` binds; returns what they were without any deployment:
    pool -> slots, None where there was none. Called while deployments change hands."""
    had = dict(before.overlay.pools) if before is not None and before.overlay is not None else {}
    wanted = dict(after.overlay.pools) if after.overlay is not None else {}
    if not had and not wanted:
        return {}
    held = {
        row.name: row
        for row in Pool.objects.using(using)
        .select_for_update()
        .filter(name__in=[*had, *wanted])
        .order_by("name")
    }
    was: dict[str, int | None] = dict(before.pools_before) if before is not None else {}
    for name in sorted(had.keys() - wanted.keys()):
        row = held.get(name)
        if row is None or row.slots != had[name]:
            continue
        _give_back(row, was.get(name), using)
    remembered: dict[str, int | None] = {}
    for name, slots in sorted(wanted.items()):
        row = held.get(name)
        remembered[name] = was[name] if name in had and name in was else row.slots if row else None
        if row is None:
            Pool.objects.using(using).create(
                tenant_id=current_tenant(using=using),
                name=name,
                slots=slots,
                description=f"Bound by deployment {after.number}",
            )
        elif row.slots != slots:
            Pool.objects.using(using).filter(id=row.id).update(slots=slots)
    return remembered


def _give_back(row: Pool, slots: int | None, using: str) -> None:
    if slots is None:
        # It stays: tasks of runs that began under the deployment may still name it.
        Pool.objects.using(using).filter(id=row.id).update(description="Was bound by a deployment that ended")
    else:
        Pool.objects.using(using).filter(id=row.id).update(slots=slots)
