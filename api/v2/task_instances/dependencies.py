"""GET …/{task_id}/dependencies: why a task has not begun."""

from __future__ import annotations

from typing import Any

from api.v2.operation import Call, operation
from api.v2.refusals import not_found
from controlplane.ledger.models.task_instance import TaskInstance
from domain.trigger_rules import RULE_CODES

_RULES = {code: rule for rule, code in RULE_CODES.items()}


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
    return {"dependencies": _waits(row)}


def _waits(row: TaskInstance) -> list[dict[str, str]]:
    found = []
    if row.state is None and row.dag_run.state == "queued":
        found.append({"name": "Dagrun Running", "reason": "The DAG run is queued and has not begun"})
    if row.state is None:
        done = (
            row.upstream_success
            + row.upstream_failed
            + row.upstream_upstream_failed
            + row.upstream_skipped
            + row.upstream_removed
        )
        if done < row.upstream_total:
            reason = (
                f"Task's trigger rule '{_RULES[row.trigger_rule]}' waits: {done} of {row.upstream_total} "
                f"upstream tasks are done ({row.upstream_success} succeeded, {row.upstream_failed} failed, "
                f"{row.upstream_skipped} were skipped)"
            )
            found.append({"name": "Trigger Rule", "reason": reason})
    if row.state is None and row.held_reason:
        found.append({"name": "Previous Dagrun State", "reason": row.held_reason})
    if row.state == "scheduled" and row.held_reason:
        found.append({"name": "Admission", "reason": row.held_reason})
    return found
