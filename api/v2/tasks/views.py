"""GET /dags/{dag_id}/tasks and /tasks/{task_id}: what the newest version of a DAG declares."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

import msgspec

from api.v2.dags.shape import param_response
from api.v2.dags.views import read_dag
from api.v2.operation import Call, operation
from api.v2.refusals import Refusal, not_found
from controlplane.ledger.models.dag_version import DagVersion
from taskwire.dagspec import DagSpec, TaskSpec


@operation("dags.read")
def get_tasks(call: Call, dag_id: str) -> Any:
    """Every task, ordered by one of its fields."""
    spec = _spec(dag_id)
    order = call.query.text("order_by") or "task_id"
    name = order.lstrip("-")
    tasks = [task_response(task, spec) for task in spec.tasks]
    if not tasks or name not in tasks[0] or isinstance(tasks[0][name], dict | list):
        if tasks:
            raise Refusal(400, f"'{name}' is not a field that tasks can be ordered by")
        return {"tasks": [], "total_entries": 0}
    tasks.sort(key=lambda task: (task[name] is None, task[name]), reverse=order.startswith("-"))
    return {"tasks": tasks, "total_entries": len(tasks)}


@operation("dags.read")
def get_task(call: Call, dag_id: str, task_id: str) -> Any:
    """One task."""
    spec = _spec(dag_id)
    for task in spec.tasks:
        if task.task_id == task_id:
            return task_response(task, spec)
    raise not_found(f"Task with id {task_id} was not found")


def task_response(task: TaskSpec, dag: DagSpec) -> dict[str, Any]:
    """TaskResponse."""
    class_name = task.task_type or task.operator
    return {
        "task_id": task.task_id,
        "task_display_name": task.display_name or task.task_id,
        "owner": task.owner,
        "start_date": _instant(task.start_date or dag.start_date),
        "end_date": _instant(task.end_date or dag.end_date),
        "trigger_rule": task.trigger_rule,
        "depends_on_past": task.depends_on_past,
        "wait_for_downstream": task.wait_for_downstream,
        "retries": task.retries,
        "queue": task.queue,
        "pool": task.pool,
        "pool_slots": task.pool_slots,
        "execution_timeout": _delta(task.execution_timeout_seconds),
        "retry_delay": _delta(task.retry_delay_seconds),
        "retry_exponential_backoff": task.retry_exponential_backoff,
        "priority_weight": task.priority_weight,
        "weight_rule": task.weight_rule,
        "ui_color": task.ui_color,
        "ui_fgcolor": task.ui_fgcolor,
        "template_fields": task.template_fields,
        "downstream_task_ids": task.downstream,
        "doc_md": task.doc_md,
        "operator_name": task.operator,
        "params": {name: param_response(param) for name, param in task.params.items()},
        "class_ref": {"module_path": task.module or None, "class_name": class_name},
        "is_mapped": task.is_mapped,
        "extra_links": sorted(task.extra_links),
    }


def _spec(dag_id: str) -> DagSpec:
    row = read_dag(dag_id)
    raw = DagVersion.objects.filter(id=row.current_version_id).values_list("spec", flat=True).first()
    if raw is None:
        raise not_found(f"The Dag with ID: `{dag_id}` was not found")
    return msgspec.convert(raw, DagSpec)


def _delta(seconds: float | None) -> dict[str, Any] | None:
    if seconds is None:
        return None
    told = timedelta(seconds=seconds)
    return {
        "__type": "TimeDelta",
        "days": told.days,
        "seconds": told.seconds,
        "microseconds": told.microseconds,
    }


def _instant(text: str | None) -> datetime | None:
    return datetime.fromisoformat(text) if text else None
