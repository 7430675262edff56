"""Somebody who is no task says that an asset was updated: a person, a watcher's trigger.

Inside the tenant's scope. After: the event is stored and queued for the DAGs that wait, and the scheduler is
told at commit.
"""

from __future__ import annotations

from datetime import datetime
from typing import Any

from controlplane.foundation.db import notify
from controlplane.ledger.assets import Emission, Recorded, lock_assets, record_events
from controlplane.ledger.models.asset import Asset
from tenants.scope import current_tenant


def announce_event(
    *,
    asset: Asset,
    extra: dict[str, Any],
    partition_key: str | None,
    now: datetime,
    using: str = "default",
) -> Recorded | None:
    """One event of this asset, active or not; None when the asset is gone."""
    lock_assets(using=using)
    emission = Emission(
        name=asset.name, uri=asset.uri, extra=extra, partition_key=partition_key, needs_active=False
    )
    recorded = record_events(emissions=[emission], now=now, using=using)
    notify("work", str(current_tenant(using=using)), using=using)
    return recorded[0] if recorded else None
