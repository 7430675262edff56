"""Task and asset state stores."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any
from urllib.parse import quote

from aerodrome_runtime.agent.sdk.answers import OK, Body, not_there, result
from aerodrome_runtime.agent.sdk.client import ApiRefused

if TYPE_CHECKING:
    from aerodrome_runtime.agent.sdk.table import Asking


async def get_task_value(asking: Asking, message: dict[str, Any]) -> Body:
    try:
        found = (await asking.client.get(_task(message))).json()
    except ApiRefused as error:
        if error.status != 404:
            raise
        return not_there("TASK_STORE_NOT_FOUND", {"key": message["key"]})
    return result("TaskStateStoreResult", found)


async def set_task_value(asking: Asking, message: dict[str, Any]) -> Body:
    body = {"value": message["value"], "expires_at": message.get("expires_at")}
    await asking.client.put(_task(message), body)
    return OK


async def delete_task_value(asking: Asking, message: dict[str, Any]) -> Body:
    await asking.client.delete(_task(message))
    return OK


async def clear_task(asking: Asking, message: dict[str, Any]) -> Body:
    await asking.client.delete(f"store/ti/{message['ti_id']}")
    return OK


async def get_asset_value(asking: Asking, message: dict[str, Any]) -> Body:
    path, params = _asset(message, "value")
    try:
        found = (await asking.client.get(path, params)).json()
    except ApiRefused as error:
        if error.status != 404:
            raise
        return not_there("ASSET_STORE_NOT_FOUND", {"key": message["key"]})
    return result("AssetStateStoreResult", found)


async def set_asset_value(asking: Asking, message: dict[str, Any]) -> Body:
    path, params = _asset(message, "value")
    await asking.client.put(path, {"value": message["value"]}, params)
    return OK


async def delete_asset_value(asking: Asking, message: dict[str, Any]) -> Body:
    path, params = _asset(message, "value")
    await asking.client.delete(path, params)
    return OK


async def clear_asset(asking: Asking, message: dict[str, Any]) -> Body:
    path, params = _asset(message, "clear")
    await asking.client.delete(path, params)
    return OK


def _task(message: dict[str, Any]) -> str:
    return f"store/ti/{message['ti_id']}/{quote(message['key'], safe='')}"


def _asset(message: dict[str, Any], operation: str) -> tuple[str, dict[str, Any]]:
    for by in ("name", "uri"):
        if message.get(by):
            params = {by: message[by]}
            if "key" in message:
                params["key"] = message["key"]
            return f"store/asset/by-{by}/{operation}", params
    raise ValueError("Either `name` or `uri` must be provided")
