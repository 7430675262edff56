"""Connections, variables and what must not be read in a log (`request_handlers.py` in the SDK)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any
from urllib.parse import quote

from aerodrome_runtime.agent.sdk.answers import OK, Body, not_there, result
from aerodrome_runtime.agent.sdk.client import ApiRefused

STORE_REASONS = ("secret-store-", "secret-malformed")
"""How the Execution API's reasons begin that tell of a tenant's secret store."""
NOT_DECLARED = "not_declared"
"""The DAG does not declare the name, and its tenant lets tasks read declared names only."""

if TYPE_CHECKING:
    from aerodrome_runtime.agent.sdk.table import Asking


async def get_connection(asking: Asking, message: dict[str, Any]) -> Body:
    """The connection; its password and extra are masked from here on."""
    conn_id = message["conn_id"]
    try:
        found = (await asking.client.get(f"connections/{quote(conn_id, safe='')}")).json()
    except ApiRefused as error:
        return _refused(asking, error, not_found="CONNECTION_NOT_FOUND", what={"conn_id": conn_id})
    asking.mask.add(found.get("password"))
    asking.mask.add(found.get("extra"))
    return result("ConnectionResult", found)


async def get_variable(asking: Asking, message: dict[str, Any]) -> Body:
    """The variable; its value is masked when its key sounds secret."""
    key = message["key"]
    try:
        found = (await asking.client.get(f"variables/{quote(key, safe='')}")).json()
    except ApiRefused as error:
        return _refused(asking, error, not_found="VARIABLE_NOT_FOUND", what={"key": key})
    asking.mask.add(found.get("value"), name=key)
    return result("VariableResult", found)


async def get_variable_keys(asking: Asking, message: dict[str, Any]) -> Body:
    params = {"limit": message.get("limit", 1000), "offset": message.get("offset", 0)}
    if message.get("prefix") is not None:
        params["prefix"] = message["prefix"]
    found = (await asking.client.get("variables/keys", params)).json()
    return result("VariableKeysResult", {"keys": found["keys"], "total_entries": found["total_entries"]})


async def put_variable(asking: Asking, message: dict[str, Any]) -> Body:
    body = {"val": message["value"], "description": message["description"]}
    await asking.client.put(f"variables/{quote(message['key'], safe='')}", body)
    return None


async def delete_variable(asking: Asking, message: dict[str, Any]) -> Body:
    await asking.client.delete(f"variables/{quote(message['key'], safe='')}")
    return OK


async def mask_secret(asking: Asking, message: dict[str, Any]) -> Body:
    asking.mask.add(message["value"], name=message.get("name"))
    return None


def _refused(asking: Asking, error: ApiRefused, *, not_found: str, what: dict[str, Any]) -> Body:
    """404 is an answer; 401 and 403 are another one, so that no weaker secrets backend is asked instead. So is a secret
    store that fails: the SDK would swallow its error, look into the environment and then say "isn't defined". The
    reason is a line of the task's log."""
    if error.status == 404:
        return not_there(not_found, what)
    is_ours = error.reason == NOT_DECLARED or error.reason.startswith(STORE_REASONS)
    if is_ours:
        asking.tell(str(error.detail.get("message") or error.reason))
    if is_ours or error.status in (401, 403):
        return not_there("PERMISSION_DENIED", {**what, "status_code": error.status})
    raise error
