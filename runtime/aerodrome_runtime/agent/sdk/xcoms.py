"""XComs that are read or deleted. What a task pushes is written behind: see `agent.operations`."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

import msgspec

from aerodrome_runtime.agent.sdk.answers import Body, not_there, result
from aerodrome_runtime.agent.sdk.client import ApiRefused

if TYPE_CHECKING:
    from aerodrome_runtime.agent.sdk.table import Asking


async def get_xcom(asking: Asking, message: dict[str, Any]) -> Body:
    """An absent XCom is None, as it has been since Airflow 2."""
    params: dict[str, Any] = {}
    if message.get("map_index") is not None and message["map_index"] >= 0:
        params["map_index"] = message["map_index"]
    if message.get("include_prior_dates"):
        params["include_prior_dates"] = True
    try:
        found = (await asking.client.get(_path(message), params)).json()
    except ApiRefused as error:
        if error.status != 404:
            raise
        found = {"key": message["key"], "value": None}
    return result("XComResult", found)


async def set_xcom(asking: Asking, message: dict[str, Any]) -> Body:
    """Of a trigger, or a long list to map over; a task's other ones are written behind."""
    params = {
        name: message[name]
        for name in ("map_index", "mapped_length")
        if message.get(name) is not None and message[name] >= 0
    }
    if message.get("dag_result"):
        params["dag_result"] = True
    # JSON as Airflow's client makes it: no NaN, which would silently become null.
    value = message.get("value")
    if value is not None:
        value = msgspec.Raw(json.dumps(value, allow_nan=False, ensure_ascii=False).encode())
    await asking.client.post(_path(message), value, params)
    return None


async def get_count(asking: Asking, message: dict[str, Any]) -> Body:
    """How many mapped values there are: in the Content-Range header."""
    reply = await asking.client.head(_path(message))
    value = reply.headers.get("Content-Range", "")
    if not value.startswith("map_indexes "):
        raise ValueError(f"Unable to parse Content-Range header from HEAD {_path(message)}")
    return result("XComCountResponse", {"len": int(value.removeprefix("map_indexes "))})


async def get_item(asking: Asking, message: dict[str, Any]) -> Body:
    try:
        reply = await asking.client.get(f"{_path(message)}/item/{message['offset']}")
    except ApiRefused as error:
        if error.status != 404:
            raise
        keys = ("dag_id", "run_id", "task_id", "key", "offset")
        return not_there("XCOM_NOT_FOUND", {key: message[key] for key in keys})
    return result("XComSequenceIndexResult", {"root": reply.json()})


async def get_slice(asking: Asking, message: dict[str, Any]) -> Body:
    params = {key: message[key] for key in ("start", "stop", "step") if message.get(key) is not None}
    if message.get("include_prior_dates"):
        params["include_prior_dates"] = True
    reply = await asking.client.get(f"{_path(message)}/slice", params)
    return result("XComSequenceSliceResult", {"root": reply.json()})


async def delete(asking: Asking, message: dict[str, Any]) -> Body:
    mapped = message.get("map_index") is not None and message["map_index"] >= 0
    await asking.client.delete(_path(message), {"map_index": message["map_index"]} if mapped else None)
    return None


def _path(message: dict[str, Any]) -> str:
    parts = (message["dag_id"], message["run_id"], message["task_id"], message["key"])
    return "xcoms/" + "/".join(quote(part, safe="") for part in parts)
