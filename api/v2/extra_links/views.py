"""GET …/taskInstances/{task_id}/links and …/externalLogUrl/{try_number}: where a task instance is seen elsewhere."""

from __future__ import annotations

from typing import Any

import msgspec

from api.v2.operation import Call, operation
from api.v2.refusals import Refusal, not_found
from controlplane.execution import large_xcoms
from controlplane.ledger.models.dag_version import DagVersion
from controlplane.ledger.models.task_instance import TaskInstance
from controlplane.ledger.models.task_try import TaskTry
from controlplane.ledger.models.xcom import XCom
from taskwire.dagspec import DagSpec


@operation("runs.read")
def get_extra_links(call: Call, dag_id: str, dag_run_id: str, task_id: str) -> Any:
    """The operator's links by name; null where the task left none. The worker leaves them as XComs."""
    given, try_number = call.query.integer("map_index"), call.query.integer("try_number")
    row = (
        TaskInstance.objects.select_related("dag_run")
        .filter(dag_id=dag_id, run_id=dag_run_id, task_id=task_id, map_index=-1 if given is None else given)
        .first()
    )
    if row is None:
        raise not_found("TaskInstance not found")
    links = _links(row)
    if try_number not in (None, row.try_number) and not _was_tried(row, try_number):
        raise not_found(f"TaskInstanceHistory not found for try_number={try_number}")
    rows = XCom.objects.filter(
        dag_run_id=row.dag_run_id, task_id=task_id, map_index=row.map_index, key__in=list(links.values())
    )
    left = {
        key: large_xcoms.value_of(value=value, kept_as=kept_as)
        for key, value, kept_as in rows.values_list("key", "value", "kept_as")
    }
    found = {name: _text(left.get(key)) for name, key in sorted(links.items())}
    return {"extra_links": found, "total_entries": len(found)}


@operation("logs.read")
def get_external_log_url(call: Call, dag_id: str, dag_run_id: str, task_id: str, try_number: int) -> Any:
    """Logs are kept here: there is no other place to send people to."""
    raise Refusal(400, "Task log handler does not support external logs.")


def _links(row: TaskInstance) -> dict[str, str]:
    """Name -> the XCom key under which the worker leaves it, by the version that the run has."""
    raw = DagVersion.objects.filter(id=row.dag_run.dag_version_id).values_list("spec", flat=True).first()
    spec = msgspec.convert(raw, DagSpec)
    for task in spec.tasks:
        if task.task_id == row.task_id:
            return {name: task.extra_link_keys.get(name, f"_link_{name}") for name in task.extra_links}
    raise not_found(f"Task with ID = {row.task_id} not found")


def _was_tried(row: TaskInstance, try_number: int | None) -> bool:
    return TaskTry.objects.filter(task_instance_id=row.id, try_number=try_number).exists()


def _text(value: Any) -> str | None:
    return str(value) if value else None
