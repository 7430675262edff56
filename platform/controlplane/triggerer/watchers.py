"""Triggers that belong to no task: asset watchers. They run until they are taken away, and fire again and again.

The seam for the station of assets: it calls `ensure_watcher` when a DAG version names a watcher and
`drop_watchers` when none does any more, and registers what an event does in `events.WATCHERS["event"]`.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

from controlplane.foundation.db import TRIGGERS, notify
from controlplane.ledger.models.trigger import Trigger
from controlplane.ledger.models.workload import Workload
from domain.ids import uuid7
from tenants.scope import require_tenant


def ensure_watcher(
    *,
    watcher_id: UUID,
    classpath: str,
    kwargs: Any,
    assets: dict[str, str],
    bundle_version_id: UUID,
    now: datetime,
    using: str = "default",
) -> UUID:
    """The watcher's trigger runs with these arguments and this code; one that runs otherwise is replaced.

    `kwargs` as Airflow's SDK serialises a trigger's; `assets` {name: uri} are those it watches. Returns the
    trigger's id. Inside the tenant's scope; the caller holds the watcher's row.
    """
    tenant_id = require_tenant(using=using)
    rows = Trigger.objects.using(using).filter(watcher_id=watcher_id)
    current = rows.select_for_update().first()
    wanted = (classpath, kwargs, assets, bundle_version_id)
    if current and (current.classpath, current.kwargs, current.assets, current.bundle_version_id) == wanted:
        return current.id
    if current:
        drop_watchers(watcher_ids=[watcher_id], using=using)
    made = Trigger(
        id=uuid7(),
        tenant_id=tenant_id,
        watcher_id=watcher_id,
        epoch=1,
        classpath=classpath,
        kwargs=kwargs,
        assets=assets,
        bundle_version_id=bundle_version_id,
        created_at=now,
    )
    made.save(using=using, force_insert=True)
    Workload(
        tenant_id=tenant_id,
        kind="trigger",
        ref=made.id,
        epoch=1,
        executor="local",
        queue="default",
        dispatched_at=now,
    ).save(using=using, force_insert=True)
    notify(TRIGGERS, using=using)
    return made.id


def drop_watchers(*, watcher_ids: Sequence[UUID], using: str = "default") -> None:
    """These watchers watch no more: their triggers stop at their agent's next word."""
    rows = Trigger.objects.using(using).filter(watcher_id__in=list(watcher_ids), task_instance_id=None)
    refs = list(rows.values_list("id", flat=True))
    Workload.objects.using(using).filter(kind="trigger", ref__in=refs).delete()
    rows.delete()
