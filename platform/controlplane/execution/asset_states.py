"""Values that tasks and watchers keep with an asset. Inside the tenant's scope."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from controlplane.ledger.models.asset import Asset
from controlplane.ledger.models.asset_state import AssetState

LONGEST_KEY = 512


class StateUnknown(LookupError):
    """Nothing is kept with the asset under this key."""


def get(*, asset: Asset, key: str) -> Any:
    """The value. Raises StateUnknown."""
    row = AssetState.objects.filter(asset_id=asset.id, key=key).values_list("value", flat=True).first()
    if row is None:
        raise StateUnknown(f"Asset state store key {key!r} not found")
    return row


def put(
    *,
    asset: Asset,
    key: str,
    value: Any,
    writer: str,
    now: datetime,
    dag_id: str | None = None,
    run_id: str | None = None,
    task_id: str | None = None,
    map_index: int | None = None,
) -> None:
    """Keep a value; the last one wins. `writer`: `task` (with its place in the run), `watcher` or `api`."""
    values = {
        "value": value,
        "writer": writer,
        "dag_id": dag_id,
        "run_id": run_id,
        "task_id": task_id,
        "map_index": map_index,
        "updated_at": now,
    }
    AssetState.objects.bulk_create(
        [AssetState(tenant_id=asset.tenant_id, asset_id=asset.id, key=key, **values)],
        update_conflicts=True,
        unique_fields=["tenant", "asset", "key"],
        update_fields=list(values),
    )


def delete(*, asset: Asset, key: str | None) -> None:
    """Forget a value; None: all of them. Nothing is no mistake."""
    rows = AssetState.objects.filter(asset_id=asset.id)
    (rows if key is None else rows.filter(key=key)).delete()
