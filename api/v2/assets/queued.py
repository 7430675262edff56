"""GET, DELETE …/queuedEvents, of an asset, of a DAG, of both: what a DAG waits with."""

from __future__ import annotations

from typing import Any

from django.db.models import Min

from api.v2.operation import Call, Reply, operation
from api.v2.refusals import Refusal, not_found
from controlplane.ledger.models.asset_queue import AssetQueue


@operation("assets.read")
def get_asset_queued_events(call: Call, asset_id: int) -> Any:
    """Of one asset, over all DAGs."""
    return _collection(_find(call, asset_id=asset_id))


@operation("assets.read")
def get_dag_asset_queued_events(call: Call, dag_id: str) -> Any:
    """Of one DAG, over all assets."""
    return _collection(_find(call, dag_id=dag_id))


@operation("assets.read")
def get_dag_asset_queued_event(call: Call, dag_id: str, asset_id: int) -> Any:
    """Of one DAG and one asset."""
    found = _find(call, dag_id=dag_id, asset_id=asset_id)
    if not found:
        raise _absent(dag_id, asset_id)
    return _response(found[0])


@operation("assets.edit", event="delete_asset_queued_events")
def delete_asset_queued_events(call: Call, asset_id: int) -> Any:
    """No DAG waits with this asset any more."""
    return _delete(
        call, not_found(f"Queue event with asset_id: `{asset_id}` was not found"), asset_id=asset_id
    )


@operation("assets.edit", event="delete_dag_asset_queued_events")
def delete_dag_asset_queued_events(call: Call, dag_id: str) -> Any:
    """The DAG waits with nothing any more."""
    return _delete(call, not_found(f"Queue event with dag_id: `{dag_id}` was not found"), dag_id=dag_id)


@operation("assets.edit", event="delete_dag_asset_queued_event")
def delete_dag_asset_queued_event(call: Call, dag_id: str, asset_id: int) -> Any:
    """The DAG does not wait with this asset any more."""
    return _delete(call, _absent(dag_id, asset_id), dag_id=dag_id, asset_id=asset_id)


def _find(call: Call, *, dag_id: str | None = None, asset_id: int | None = None) -> list[dict[str, Any]]:
    """One row per DAG and asset, as Airflow has it: the oldest event counts. Before which instant is asked for."""
    rows = AssetQueue.objects.all()
    if dag_id is not None:
        rows = rows.filter(dag_row__dag_id=dag_id)
    if asset_id is not None:
        rows = rows.filter(asset__serial=asset_id)
    pairs = rows.values(
        "dag_row_id", "asset_id", "asset__serial", "dag_row__dag_id", "dag_row__display_name"
    ).annotate(at=Min("created_at"))
    if (before := call.query.instant("before")) is not None:
        pairs = pairs.filter(at__lt=before)
    return list(pairs.order_by("at", "asset__serial"))


def _response(row: dict[str, Any]) -> dict[str, Any]:
    return {
        "dag_id": row["dag_row__dag_id"],
        "asset_id": row["asset__serial"],
        "created_at": row["at"],
        "dag_display_name": row["dag_row__display_name"] or row["dag_row__dag_id"],
    }


def _collection(rows: list[dict[str, Any]]) -> dict[str, Any]:
    return {"queued_events": [_response(row) for row in rows], "total_entries": len(rows)}


def _delete(call: Call, absent: Refusal, **which: Any) -> Reply:
    if not call.access.may("dags.edit"):
        raise Refusal(403, "Forbidden")
    found = _find(call, **which)
    for row in found:
        AssetQueue.objects.filter(dag_row_id=row["dag_row_id"], asset_id=row["asset_id"]).delete()
    if not found:
        raise absent
    return Reply(204)


def _absent(dag_id: str, asset_id: int) -> Refusal:
    return not_found(f"Queued event with dag_id: `{dag_id}` and asset_id: `{asset_id}` was not found")
