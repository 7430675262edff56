"""What running tasks ask about assets of their tenant: the assets, their events, and which are switched off.

Inside the tenant's scope. Shapes are those of Airflow's Task Execution API.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

from django.db.models import Q, QuerySet

from controlplane.foundation.db import execute
from controlplane.ledger.models.asset import Asset
from controlplane.ledger.models.asset_alias import AssetAlias
from controlplane.ledger.models.asset_alias_asset import AssetAliasAsset
from controlplane.ledger.models.asset_alias_event import AssetAliasEvent
from controlplane.ledger.models.asset_event import AssetEvent
from controlplane.ledger.models.asset_event_run import AssetEventRun

MOST_EVENTS = 10_000


class AssetUnknown(LookupError):
    """The tenant has no active asset of this name or URI."""


def find_asset(*, name: str | None = None, uri: str | None = None) -> Asset:
    """The active asset of that name, or else of that URI. Raises AssetUnknown."""
    rows = Asset.objects.filter(is_active=True)
    row = (rows.filter(name=name) if name is not None else rows.filter(uri=uri)).first()
    if row is None:
        what = f"name {name}" if name is not None else f"URI {uri}"
        raise AssetUnknown(f"Asset with {what} not found")
    return row


def assets_of_alias(alias: str) -> list[Asset]:
    """What the alias was resolved to, active or not; nothing when there is no such alias."""
    ids = AssetAliasAsset.objects.filter(
        alias_id__in=AssetAlias.objects.filter(name=alias).values("id")
    ).values("asset_id")
    return list(Asset.objects.filter(id__in=ids).order_by("serial"))


def asset_events(
    *,
    name: str | None = None,
    uri: str | None = None,
    alias: str | None = None,
    after: datetime | None,
    before: datetime | None,
    ascending: bool,
    limit: int | None,
) -> list[dict[str, Any]]:
    """Events of an asset (by name and URI also of one that is not active), or of an alias; at most `MOST_EVENTS`."""
    if alias is not None:
        through = AssetAliasEvent.objects.filter(
            alias_id__in=AssetAlias.objects.filter(name=alias).values("id")
        )
        rows = AssetEvent.objects.filter(id__in=through.values("event_id"))
    else:
        which = Q(name=name) & Q(uri=uri) if name and uri else Q(is_active=True)
        which &= Q() if name and uri else Q(uri=uri) if uri else Q(name=name)
        rows = AssetEvent.objects.filter(asset_id__in=Asset.objects.filter(which).values("id"))
    if after is not None:
        rows = rows.filter(timestamp__gte=after)
    if before is not None:
        rows = rows.filter(timestamp__lte=before)
    order = ("timestamp", "serial") if ascending else ("-timestamp", "-serial")
    return _events(rows.select_related("asset").order_by(*order), min(limit or MOST_EVENTS, MOST_EVENTS))


def inactive_assets(task_instance: UUID) -> list[dict[str, Any]]:
    """The task's inlets and outlets that are not active, because another asset has their name or URI."""
    rows = execute("execution/sql/list_inactive_assets.sql", id=task_instance)
    return [{"name": name, "uri": uri, "type": "Asset"} for name, uri in rows]


def asset_response(asset: Asset) -> dict[str, Any]:
    """Airflow's `AssetResponse` for running tasks."""
    return {"name": asset.name, "uri": asset.uri, "group": asset.group, "extra": asset.extra}


def _events(rows: QuerySet[AssetEvent], limit: int) -> list[dict[str, Any]]:
    found = list(rows[:limit])
    runs = _runs([row.id for row in found])
    return [
        {
            "id": row.serial,
            "timestamp": row.timestamp,
            "extra": row.extra,
            "asset": asset_response(row.asset),
            "created_dagruns": runs[row.id],
            "source_task_id": row.source_task_id,
            "source_dag_id": row.source_dag_id,
            "source_run_id": row.source_run_id,
            "source_map_index": row.source_map_index,
            "partition_key": row.partition_key,
        }
        for row in found
    ]


def _runs(events: Sequence[UUID]) -> defaultdict[UUID, list[dict[str, Any]]]:
    """Per event the runs that consumed it. A run that waits has no start yet: then it is when it was queued,
    because clients cannot read an event without one."""
    runs: defaultdict[UUID, list[dict[str, Any]]] = defaultdict(list)
    links = AssetEventRun.objects.filter(event_id__in=events).select_related("dag_run").order_by("id")
    for link in links:
        run = link.dag_run
        runs[link.event_id].append(
            {
                "run_id": run.run_id,
                "dag_id": run.dag_id,
                "logical_date": run.logical_date,
                "start_date": run.start_date or run.queued_at,
                "end_date": run.end_date,
                "state": run.state,
                "data_interval_start": run.data_interval_start,
                "data_interval_end": run.data_interval_end,
                "partition_key": run.partition_key,
            }
        )
    return runs
