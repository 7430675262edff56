"""Asset watchers: their triggers run while an unpaused DAG waits for the asset, and each event is the asset's.

`sync_due` handles the item `watchers`, left when DAGs are stored, paused or resumed; the scheduler that holds
the tenant's lease runs it, so that nobody else does. `heard` is called with each event, in the transaction of
the agent's report.
"""

from __future__ import annotations

from collections import defaultdict
from datetime import datetime
from hashlib import sha256
from typing import Any
from uuid import UUID

import msgspec

from controlplane.execution.storable import REPLACEMENT, json_text
from controlplane.foundation.db import execute
from controlplane.ledger.models.asset_watcher import AssetWatcher
from controlplane.ledger.serials import next_serial
from controlplane.runs.asset_events import announce_event
from controlplane.triggerer.watchers import drop_watchers, ensure_watcher
from tenants.scope import require_tenant


def sync_due(*, ref: UUID | None, now: datetime, using: str) -> None:
    """Exactly the watchers that are wanted run, each with the code that is deployed."""
    wanted: dict[UUID, dict[str, Any]] = {}
    assets: defaultdict[UUID, dict[UUID, str]] = defaultdict(dict)
    for asset, name, uri, watchers, bundle in execute("ledger/sql/list_wanted_watchers.sql", using=using):
        for told in watchers:
            watcher = watcher_id(told["classpath"], told.get("kwargs"))
            one = wanted.setdefault(watcher, {"assets": {}})
            one |= {"classpath": told["classpath"], "kwargs": told.get("kwargs"), "bundle": bundle}
            one["assets"][name] = uri
            assets[watcher][asset] = str(told.get("name") or "")[:1500]
    rows = {(row.watcher_id, row.asset_id): row for row in AssetWatcher.objects.using(using).all()}
    gone = [row.id for key, row in rows.items() if key[1] not in assets.get(key[0], {})]
    if gone:
        AssetWatcher.objects.using(using).filter(id__in=gone).delete()
    unwatched = {watcher for watcher, _ in rows} - wanted.keys()
    if unwatched:
        drop_watchers(watcher_ids=sorted(unwatched), using=using)
    for watcher, one in wanted.items():
        ensure_watcher(
            watcher_id=watcher,
            classpath=one["classpath"],
            kwargs=one["kwargs"],
            assets=one["assets"],
            bundle_version_id=one["bundle"],
            now=now,
            using=using,
        )
        for asset, name in assets[watcher].items():
            if (watcher, asset) not in rows:
                AssetWatcher(
                    tenant_id=require_tenant(using=using),
                    asset_id=asset,
                    watcher_id=watcher,
                    serial=next_serial("asset_watcher", using=using),
                    name=name,
                    created_at=now,
                ).save(using=using, force_insert=True)


def heard(*, watcher_id: UUID, payload: Any, now: datetime, using: str) -> None:
    """A watcher's trigger fired: an event of each asset it watches, as Airflow makes it."""
    extra = msgspec.json.decode(json_text({"from_trigger": True, "payload": payload}, nul=REPLACEMENT))
    rows = AssetWatcher.objects.using(using).filter(watcher_id=watcher_id).select_related("asset")
    for row in rows.order_by("asset__serial"):
        announce_event(asset=row.asset, extra=extra, partition_key=None, now=now, using=using)


def watcher_id(classpath: str, kwargs: Any) -> UUID:
    """The same for the same class and arguments."""
    told = msgspec.json.encode([classpath, kwargs], order="sorted")
    return UUID(bytes=sha256(told).digest()[:16], version=5)
