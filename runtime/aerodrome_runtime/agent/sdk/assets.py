"""Assets and their events, by name, URI or alias."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from aerodrome_runtime.agent.sdk.answers import Body, not_there, result
from aerodrome_runtime.agent.sdk.client import ApiRefused
from aerodrome_runtime.agent.sdk.instants import isoformat

if TYPE_CHECKING:
    from aerodrome_runtime.agent.sdk.table import Asking


async def get_by_name(asking: Asking, message: dict[str, Any]) -> Body:
    return await _get(asking, "assets/by-name", {"name": message["name"]})


async def get_by_uri(asking: Asking, message: dict[str, Any]) -> Body:
    return await _get(asking, "assets/by-uri", {"uri": message["uri"]})


async def _get(asking: Asking, path: str, params: dict[str, Any]) -> Body:
    try:
        found = (await asking.client.get(path, params)).json()
    except ApiRefused as error:
        if error.status != 404:
            raise
        return not_there("ASSET_NOT_FOUND", params)
    return result("AssetResult", found)


async def get_by_alias(asking: Asking, message: dict[str, Any]) -> Body:
    found = (await asking.client.get("assets/by-alias", {"alias_name": message["alias_name"]})).json()
    return result("AssetsByAliasResult", {"assets": [result("AssetResult", asset) for asset in found]})


async def get_events(asking: Asking, message: dict[str, Any]) -> Body:
    params = {"name": message.get("name"), "uri": message.get("uri"), **_window(message)}
    if not (params["name"] or params["uri"]):
        raise ValueError("Either `name`, `uri` or `alias_name` must be provided")
    found = (await asking.client.get("asset-events/by-asset", params)).json()
    return result("AssetEventsResult", found)


async def get_alias_events(asking: Asking, message: dict[str, Any]) -> Body:
    params = {"name": message["alias_name"], **_window(message)}
    found = (await asking.client.get("asset-events/by-asset-alias", params)).json()
    return result("AssetEventsResult", found)


async def validate_inlets_and_outlets(asking: Asking, message: dict[str, Any]) -> Body:
    path = f"task-instances/{message['ti_id']}/validate-inlets-and-outlets"
    return result("InactiveAssetsResult", (await asking.client.get(path)).json())


def _window(message: dict[str, Any]) -> dict[str, Any]:
    params: dict[str, Any] = {}
    for edge in ("after", "before"):
        if message.get(edge):
            params[edge] = isoformat(message[edge])
    params["ascending"] = message.get("ascending", True)
    if message.get("limit"):
        params["limit"] = message["limit"]
    return params
