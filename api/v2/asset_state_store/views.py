"""/assets/{asset_id}/state-store and …/state-store/{key}: read and write what is kept with an asset."""

from __future__ import annotations

from typing import Any

from api.v2.operation import Call, Reply, operation
from api.v2.refusals import not_found, wrong
from api.v2.state_bodies import LONGEST_KEY, ValueBody
from controlplane.execution import asset_states
from controlplane.ledger.models.asset import Asset
from controlplane.ledger.models.asset_state import AssetState


@operation("assets.read")
def list_asset_state_store(call: Call, asset_id: int) -> Any:
    """A page of what is kept, by key."""
    rows = AssetState.objects.filter(asset_id=_asset(asset_id).id).order_by("key")
    offset, limit = call.query.offset(), call.query.limit()
    found = [_response(row) for row in rows[offset : offset + limit]]
    return {"asset_state_store": found, "total_entries": rows.count()}


@operation("assets.read")
def get_asset_state_store(call: Call, asset_id: int, key: str) -> Any:
    """One value."""
    row = AssetState.objects.filter(asset_id=_asset(asset_id).id, key=key).first()
    if row is None:
        raise not_found(f"Asset state store key {key!r} not found")
    return _response(row)


@operation("assets.edit", event="set_asset_state_store")
def set_asset_state_store(call: Call, asset_id: int, key: str) -> Any:
    """Make or replace a value."""
    asset = _asset(asset_id)
    body = call.body(ValueBody)
    if len(key) > LONGEST_KEY:
        raise wrong(("path", "key"), f"String should have at most {LONGEST_KEY} characters", key[:50])
    asset_states.put(asset=asset, key=key, value=body.value, writer="api", now=call.now)
    return Reply(204)


@operation("assets.edit", event="delete_asset_state_store")
def delete_asset_state_store(call: Call, asset_id: int, key: str) -> Any:
    """Gone; also when it was not there."""
    asset_states.delete(asset=_asset(asset_id), key=key)
    return Reply(204)


@operation("assets.edit", event="clear_asset_state_store")
def clear_asset_state_store(call: Call, asset_id: int) -> Any:
    """All of it is gone."""
    asset_states.delete(asset=_asset(asset_id), key=None)
    return Reply(204)


def _asset(asset_id: int) -> Asset:
    row = Asset.objects.filter(serial=asset_id).first()
    if row is None:
        raise not_found(f"Asset with id {asset_id!r} not found")
    return row


def _response(row: AssetState) -> dict[str, Any]:
    writer = {
        "kind": row.writer,
        "dag_id": row.dag_id,
        "run_id": row.run_id,
        "task_id": row.task_id,
        "map_index": row.map_index,
    }
    return {"key": row.key, "value": row.value, "updated_at": row.updated_at, "last_updated_by": writer}
