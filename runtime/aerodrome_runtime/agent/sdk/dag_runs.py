"""DAG runs: trigger, read, count; and DAGs."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any
from urllib.parse import quote

from aerodrome_runtime.agent.sdk.answers import OK, Body, not_there, result
from aerodrome_runtime.agent.sdk.client import ApiRefused
from aerodrome_runtime.agent.sdk.instants import isoformat

if TYPE_CHECKING:
    from aerodrome_runtime.agent.sdk.table import Asking


async def trigger(asking: Asking, message: dict[str, Any]) -> Body:
    """Create a run; an existing one is cleared when the task asked for `reset_dag_run`."""
    body: dict[str, Any] = {"conf": message.get("conf") or {}}
    for key in ("logical_date", "run_after", "note"):
        if message.get(key) is not None:
            body[key] = message[key]
    if message.get("reset_dag_run"):
        body["reset_dag_run"] = True
    path = _path(message)
    try:
        await asking.client.post(path, body)
    except ApiRefused as error:
        if error.status != 409:
            raise
        if not message.get("reset_dag_run"):
            return not_there("DAGRUN_ALREADY_EXISTS")
        await asking.client.post(f"{path}/clear")
    return OK


async def get_detail(asking: Asking, message: dict[str, Any]) -> Body:
    return result("DagRunResult", (await asking.client.get(_path(message))).json())


async def get_state(asking: Asking, message: dict[str, Any]) -> Body:
    return result("DagRunStateResult", (await asking.client.get(f"{_path(message)}/state")).json())


async def get_count(asking: Asking, message: dict[str, Any]) -> Body:
    params: dict[str, Any] = {"dag_id": message["dag_id"]}
    if message.get("logical_dates") is not None:
        params["logical_dates"] = [isoformat(day) for day in message["logical_dates"]]
    for key in ("run_ids", "states"):
        if message.get(key) is not None:
            params[key] = message[key]
    return result("DRCount", {"count": (await asking.client.get("dag-runs/count", params)).json()})


async def get_previous(asking: Asking, message: dict[str, Any]) -> Body:
    params = {"dag_id": message["dag_id"], "logical_date": isoformat(message["logical_date"])}
    if message.get("state"):
        params["state"] = message["state"]
    found = (await asking.client.get("dag-runs/previous", params)).json()
    return result("PreviousDagRunResult", {"dag_run": found})


async def get_previous_successful(asking: Asking, message: dict[str, Any]) -> Body:
    """Airflow uses the supervisor's own task instance, whatever the message says."""
    path = f"task-instances/{asking.ti_id}/previous-successful-dagrun"
    return result("PrevSuccessfulDagRunResult", (await asking.client.get(path)).json())


async def get_dag(asking: Asking, message: dict[str, Any]) -> Body:
    return result("DagResult", (await asking.client.get(f"dags/{quote(message['dag_id'], safe='')}")).json())


def _path(message: dict[str, Any]) -> str:
    return f"dag-runs/{quote(message['dag_id'], safe='')}/{quote(message['run_id'], safe='')}"
