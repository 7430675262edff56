"""`/store/asset/…`: values kept with an asset, by its name or its URI."""

from __future__ import annotations

from typing import Any

from django.http import HttpResponse

from api.execution.answers import answer, done, malformed, not_found
from api.execution.bodies import Strict, read_body, required
from api.execution.gate import Call, Rule, allow
from controlplane.execution import asset_lookups, asset_states
from controlplane.execution.asset_lookups import AssetUnknown
from controlplane.execution.asset_states import LONGEST_KEY, StateUnknown
from controlplane.execution.attempts import Stage
from controlplane.ledger.models.asset import Asset

KEEP = Rule(stage=Stage.SETTLING, quiet="values that tasks keep with an asset, read by tasks alone")


class _Value(Strict, kw_only=True):
    value: Any


@allow(KEEP)
def get(call: Call, by: str) -> HttpResponse:
    """GET value."""
    try:
        return answer({"value": asset_states.get(asset=_asset(call, by), key=_text(call, "key"))})
    except StateUnknown as error:
        raise not_found(str(error)) from None


@allow(KEEP)
def put(call: Call, by: str) -> HttpResponse:
    """PUT value: whatever JSON holds, but null."""
    value = read_body(call.request, _Value).value
    if value is None:
        raise malformed(place=("body", "value"), message="Value error, value cannot be null")
    key = _text(call, "key")
    if len(key) > LONGEST_KEY:
        raise malformed(place=("query", "key"), message=f"a key has at most {LONGEST_KEY} characters")
    attempt = call.attempt
    is_task = bool(attempt.dag_id)  # else the trigger of an asset watcher asks
    asset_states.put(
        asset=_asset(call, by),
        key=key,
        value=value,
        writer="task" if is_task else "watcher",
        now=call.now,
        dag_id=attempt.dag_id or None,
        run_id=attempt.run_id or None,
        task_id=attempt.task_id or None,
        map_index=attempt.map_index if is_task else None,
    )
    return done()


@allow(KEEP)
def delete(call: Call, by: str) -> HttpResponse:
    """DELETE value: 204 also when there was none."""
    asset_states.delete(asset=_asset(call, by), key=_text(call, "key"))
    return done()


@allow(KEEP)
def clear(call: Call, by: str) -> HttpResponse:
    """DELETE clear: all that is kept with the asset."""
    asset_states.delete(asset=_asset(call, by), key=None)
    return done()


def _asset(call: Call, by: str) -> Asset:
    given = _text(call, by)
    try:
        return asset_lookups.find_asset(**{by: given})
    except AssetUnknown:
        raise not_found(f"Asset with {by}={given!r} not found") from None


def _text(call: Call, name: str) -> str:
    given = required(call.request, name)
    if not given:
        raise malformed(
            place=("query", name),
            message="String should have at least 1 character",
            kind="string_too_short",
        )
    return given
