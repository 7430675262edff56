"""Other task instances: counts, states, the previous one, reschedules; and requests for a person's input."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any
from urllib.parse import quote

from aerodrome_runtime.agent.sdk.answers import Body, result
from aerodrome_runtime.agent.sdk.instants import isoformat

if TYPE_CHECKING:
    from aerodrome_runtime.agent.sdk.table import Asking


async def get_count(asking: Asking, message: dict[str, Any]) -> Body:
    params = _filters(message, "task_ids", "task_group_id", "run_ids", "states")
    return result("TICount", {"count": (await asking.client.get("task-instances/count", params)).json()})


async def get_states(asking: Asking, message: dict[str, Any]) -> Body:
    params = _filters(message, "task_ids", "task_group_id", "run_ids")
    return result("TaskStatesResult", (await asking.client.get("task-instances/states", params)).json())


async def get_previous(asking: Asking, message: dict[str, Any]) -> Body:
    params: dict[str, Any] = {"map_index": message.get("map_index", -1)}
    if message.get("logical_date"):
        params["logical_date"] = isoformat(message["logical_date"])
    if message.get("state"):
        params["state"] = message["state"]
    dag_id, task_id = (quote(message[key], safe="") for key in ("dag_id", "task_id"))
    found = (await asking.client.get(f"task-instances/previous/{dag_id}/{task_id}", params)).json()
    return result("PreviousTIResult", {"task_instance": found})


async def get_breadcrumbs(asking: Asking, message: dict[str, Any]) -> Body:
    params = {"dag_id": message["dag_id"], "run_id": message["run_id"]}
    found = (await asking.client.get("task-instances/breadcrumbs", params)).json()
    return result("TaskBreadcrumbsResult", found)


async def get_reschedule_start(asking: Asking, message: dict[str, Any]) -> Body:
    path = f"task-reschedules/{message['ti_id']}/start_date"
    found = (await asking.client.get(path, {"try_number": message.get("try_number", 1)})).json()
    return result("TaskRescheduleStartDate", {"start_date": found})


async def create_hitl_detail(asking: Asking, message: dict[str, Any]) -> Body:
    found = (await asking.client.post(f"hitlDetails/{message['ti_id']}", message)).json()
    return result("HITLDetailRequestResult", found)


async def get_hitl_response(asking: Asking, message: dict[str, Any]) -> Body:
    found = (await asking.client.get(f"hitlDetails/{message['ti_id']}")).json()
    return result("HITLDetailResponseResult", found)


async def update_hitl(asking: Asking, message: dict[str, Any]) -> Body:
    body = {name: message.get(name) for name in ("ti_id", "chosen_options", "params_input")}
    found = (await asking.client.patch(f"hitlDetails/{message['ti_id']}", body)).json()
    return result("HITLDetailResponseResult", found)


def _filters(message: dict[str, Any], *names: str) -> dict[str, Any]:
    params: dict[str, Any] = {"dag_id": message["dag_id"]}
    for name in names:
        if message.get(name) is not None:
            params[name] = message[name]
    if message.get("logical_dates") is not None:
        params["logical_dates"] = [isoformat(day) for day in message["logical_dates"]]
    if message.get("map_index") is not None and message["map_index"] >= 0:
        params["map_index"] = message["map_index"]
    return params
