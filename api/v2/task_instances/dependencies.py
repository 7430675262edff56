"""GET …/{task_id}/dependencies: why a task has not begun."""

from __future__ import annotations

from typing import Any

from api.v2.operation import Call, operation
from api.v2.refusals import not_found
from controlplane.foundation.clock import utc_now
from controlplane.ledger.models.task_instance import TaskInstance
from controlplane.runs.waits import what_blocks


@operation("runs.read")
def get_task_instance_dependencies(
    call: Call, dag_id: str, dag_run_id: str, task_id: str, **path: int
) -> Any:
    """What it waits for; nothing once it was admitted."""
    given = path.get("map_index", call.query.integer("map_index"))
    map_index = -1 if given is None else given
    row = (
        TaskInstance.objects.select_related("dag_run")
        .filter(dag_id=dag_id, run_id=dag_run_id, task_id=task_id, map_index=map_index)
        .first()
    )
    if row is None:
        raise not_found(
            f"The Task Instance with dag_id: `{dag_id}`, run_id: `{dag_run_id}`, task_id: `{task_id}` and "
            f"map_index: `{map_index}` was not found"
        )
    found = sorted(what_blocks(row=row, now=utc_now()), key=lambda wait: wait.name)
    return {"dependencies": [{"name": wait.name, "reason": wait.reason} for wait in found]}
