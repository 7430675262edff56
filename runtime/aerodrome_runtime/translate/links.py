"""What a task points at outside its own DAG: other DAGs, links for people, and a trigger it starts in."""

from __future__ import annotations

import datetime
from typing import Any

from aerodrome_runtime.translate.plain import Plain


def dag_dependencies(*, task: Any) -> list[dict[str, str]]:
    """The DAG a task triggers or waits for, by its own constant arguments (templates are left out)."""
    cls = task.operator_class if task.is_mapped else type(task)
    names = {ancestor.__name__ for ancestor in getattr(cls, "__mro__", ())}
    if "TriggerDagRunOperator" in names:
        return _dependency("triggers", _argument(task, "trigger_dag_id"), None)
    if "ExternalTaskSensor" in names:
        return _dependency(
            "waits_for", _argument(task, "external_dag_id"), _argument(task, "external_task_id")
        )
    return []


def extra_links(*, task: Any) -> list[str]:
    """Names of the task's own links."""
    return sorted(str(link.name) for link in task.operator_extra_links)


def extra_link_keys(*, task: Any) -> dict[str, str]:
    """Name of a link -> the XCom key under which the worker leaves it."""
    return {str(link.name): str(link.xcom_key) for link in task.operator_extra_links}


def start_trigger(*, task: Any, plain: Plain) -> dict[str, Any]:
    """Trigger and resume method of a task that starts deferred; empty for any other."""
    args = task.start_trigger_args
    if not task.start_from_trigger or args is None:
        return {}
    timeout = args.timeout
    return {
        "classpath": plain.text(args.trigger_cls),
        "kwargs": _serialised(args.trigger_kwargs or {}, plain),
        "next_method": args.next_method,
        "next_kwargs": _serialised(args.next_kwargs or {}, plain),
        "timeout_seconds": timeout.total_seconds() if isinstance(timeout, datetime.timedelta) else timeout,
    }


def _serialised(values: dict[str, Any], plain: Plain) -> Any:
    """As a task that defers from a worker sends them; the bundle's folder is marked, the runner puts it in again."""
    from airflow.sdk.serde import serialize

    try:
        return plain.value(serialize(values))
    except (TypeError, ValueError, AttributeError, RecursionError):
        return plain.value(values)


def _argument(task: Any, name: str) -> Any:
    return task.partial_kwargs.get(name) if task.is_mapped else getattr(task, name, None)


def _dependency(kind: str, dag_id: Any, task_id: Any) -> list[dict[str, str]]:
    if not isinstance(dag_id, str) or "{{" in dag_id:
        return []
    told = {"kind": kind, "dag_id": dag_id}
    if isinstance(task_id, str) and "{{" not in task_id:
        told["task_id"] = task_id
    return [told]
