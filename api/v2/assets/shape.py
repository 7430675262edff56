"""Assets and their events as Airflow's API shows them: a few statements for a page, whatever its length."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from typing import Any
from uuid import UUID

from controlplane.ledger.models.asset import Asset
from controlplane.ledger.models.asset_alias import AssetAlias
from controlplane.ledger.models.asset_alias_asset import AssetAliasAsset
from controlplane.ledger.models.asset_event import AssetEvent
from controlplane.ledger.models.asset_event_run import AssetEventRun
from controlplane.ledger.models.asset_reference import AssetReference
from controlplane.ledger.models.asset_watcher import AssetWatcher
from controlplane.secrets.masking import redact

_LISTS = {"schedule": "scheduled_dags", "outlet": "producing_tasks", "inlet": "consuming_tasks"}


def asset_responses(rows: Sequence[Asset]) -> list[dict[str, Any]]:
    """AssetResponse of each."""
    ids = [row.id for row in rows]
    references: defaultdict[tuple[UUID | None, str], list[dict[str, Any]]] = defaultdict(list)
    for ref in AssetReference.objects.filter(asset_id__in=ids).order_by("dag_id", "task_id"):
        told: dict[str, Any] = {
            "dag_id": ref.dag_id,
            "created_at": ref.created_at,
            "updated_at": ref.updated_at,
        }
        if ref.kind != "schedule":
            told["task_id"] = ref.task_id
        references[ref.asset_id, ref.kind].append(told)
    aliases: defaultdict[UUID, list[dict[str, Any]]] = defaultdict(list)
    links = AssetAliasAsset.objects.filter(asset_id__in=ids).select_related("alias")
    for link in links.order_by("alias__serial"):
        aliases[link.asset_id].append(alias_response(link.alias))
    watchers: defaultdict[UUID, list[dict[str, Any]]] = defaultdict(list)
    for watcher in AssetWatcher.objects.filter(asset_id__in=ids).order_by("serial"):
        watchers[watcher.asset_id].append(
            {"name": watcher.name, "trigger_id": watcher.serial, "created_date": watcher.created_at}
        )
    last = {
        event.asset_id: {"id": event.serial, "timestamp": event.timestamp}
        for event in AssetEvent.objects.filter(asset_id__in=ids)
        .order_by("asset_id", "-timestamp", "-serial")
        .distinct("asset_id")
    }
    return [
        {
            "id": row.serial,
            "name": row.name,
            "uri": row.uri,
            "group": row.group,
            "extra": redact(row.extra),
            "created_at": row.created_at,
            "updated_at": row.updated_at,
            **{name: references[row.id, kind] for kind, name in _LISTS.items()},
            "aliases": aliases[row.id],
            "watchers": watchers[row.id],
            "last_asset_event": last.get(row.id, {"id": None, "timestamp": None}),
        }
        for row in rows
    ]


def alias_response(row: AssetAlias) -> dict[str, Any]:
    """AssetAliasResponse."""
    return {"id": row.serial, "name": row.name, "group": row.group}


def event_responses(rows: Sequence[AssetEvent]) -> list[dict[str, Any]]:
    """AssetEventResponse of each; `asset` was selected with them. Only the newest event that a run consumed
    triggered it. A run that waits has no start yet: then it is when it was queued, for clients cannot read an
    event without one."""
    links = list(
        AssetEventRun.objects.filter(event_id__in=[row.id for row in rows])
        .select_related("dag_run")
        .order_by("id")
    )
    newest = {
        link.dag_run_id: link.event_id
        for link in AssetEventRun.objects.filter(dag_run_id__in={link.dag_run_id for link in links})
        .order_by("dag_run_id", "-event__timestamp", "-event__serial")
        .distinct("dag_run_id")
    }
    runs: defaultdict[UUID, list[dict[str, Any]]] = defaultdict(list)
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
                "triggering": newest[run.id] == link.event_id,
            }
        )
    return [
        {
            "id": row.serial,
            "asset_id": row.asset.serial,
            "uri": row.asset.uri,
            "name": row.asset.name,
            "group": row.asset.group,
            "extra": redact(row.extra),
            "source_task_id": row.source_task_id,
            "source_dag_id": row.source_dag_id,
            "source_run_id": row.source_run_id,
            "source_map_index": row.source_map_index,
            "created_dagruns": runs[row.id],
            "timestamp": row.timestamp,
            "partition_key": row.partition_key,
        }
        for row in rows
    ]
