"""GET …/{task_id}/tries and …/{task_id}/{map_index}/tries, one try by its number; dependencies."""

from __future__ import annotations

from typing import Any

from api.v2.operation import Call, operation
from api.v2.refusals import not_found
from api.v2.task_instances.search import all_instances
from api.v2.task_instances.shape import current_try_response, past_try_response, version_of
from api.v2.version_facts import facts_of
from controlplane.ledger.models.task_try import TaskTry


@operation("runs.read")
def get_task_instance_tries(call: Call, dag_id: str, dag_run_id: str, task_id: str, **path: int) -> Any:
    """Every try, the oldest first; the running one is the last."""
    map_index = _map_index(call, path)
    found = tries_of(dag_id, dag_run_id, task_id, map_index)
    if not found:
        raise not_found(
            f"The Task Instance with dag_id: `{dag_id}`, run_id: `{dag_run_id}`, task_id: `{task_id}` and "
            f"map_index: `{map_index}` was not found"
        )
    return {"task_instances": found, "total_entries": len(found)}


@operation("runs.read")
def get_task_instance_try(
    call: Call, dag_id: str, dag_run_id: str, task_id: str, try_number: int, **path: int
) -> Any:
    """One try."""
    map_index = _map_index(call, path)
    for found in reversed(tries_of(dag_id, dag_run_id, task_id, map_index)):
        if found["try_number"] == try_number:
            return found
    raise not_found(
        f"The Task Instance with dag_id: `{dag_id}`, run_id: `{dag_run_id}`, task_id: `{task_id}`, "
        f"try_number: `{try_number}` and map_index: `{map_index}` was not found"
    )


def _map_index(call: Call, path: dict[str, int]) -> int:
    if "map_index" in path:
        return path["map_index"]
    given = call.query.integer("map_index")
    return -1 if given is None else given


def tries_of(dag_id: str, dag_run_id: str, task_id: str, map_index: int) -> list[dict[str, Any]]:
    """Every try of one instance, the oldest first."""
    instance = (
        all_instances().filter(dag_id=dag_id, run_id=dag_run_id, task_id=task_id, map_index=map_index).first()
    )
    if instance is None:
        return []
    ended = TaskTry.objects.filter(task_instance_id=instance.id).order_by("try_number", "epoch")
    # A try that was rescheduled or deferred has a row for each of its parts: the last one tells how it ended.
    past = list({row.try_number: row for row in ended}.values())
    facts = facts_of([version_of(instance), *(row.dag_version_id for row in past)])
    found = [past_try_response(row, instance, facts.get(row.dag_version_id)) for row in past]
    # Between two tries the instance still shows the one that ended, which is a row of its own already.
    if instance.state != "up_for_retry" and instance.try_number not in {row.try_number for row in past}:
        found.append(current_try_response(instance, facts.get(version_of(instance))))
    return found
