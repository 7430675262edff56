"""Which callbacks a task or DAG has, and a DAG's deadlines. The code itself runs in the runtime."""

from __future__ import annotations

import datetime
from typing import Any

from aerodrome_runtime.translate.plain import Plain
from taskwire.dagspec import DeadlineSpec

TASK_CALLBACKS = ("on_execute", "on_success", "on_failure", "on_retry", "on_skipped")
DAG_CALLBACKS = ("on_success", "on_failure")

_REFERENCES = {
    "DagRunQueuedAtDeadline": "queued_at",
    "DagRunLogicalDateDeadline": "logical_date",
    "FixedDatetimeDeadline": "fixed",
    "AverageRuntimeDeadline": "average_runtime",
}


def task_callbacks(*, task: Any) -> list[str]:
    """Names of the callbacks that are set, in a fixed order."""
    return [name for name in TASK_CALLBACKS if getattr(task, f"{name}_callback", None)]


def dag_callbacks(*, dag: Any) -> list[str]:
    """Like `task_callbacks`, plus `sla_miss` for Airflow 2's `sla_miss_callback`."""
    found = [name for name in DAG_CALLBACKS if getattr(dag, f"{name}_callback", None)]
    return found + (["sla_miss"] if dag.sla_miss_callback else [])


def deadlines(*, dag: Any, plain: Plain) -> list[DeadlineSpec]:
    """The DAG's `DeadlineAlert`s, in the author's order."""
    return [_deadline(alert, plain) for alert in dag.deadline or ()]


def _deadline(alert: Any, plain: Plain) -> DeadlineSpec:
    reference = alert.reference
    told = reference.serialize_reference()
    kind = _REFERENCES.get(type(reference).__name__, "custom")
    fixed = told.get("datetime") if kind == "fixed" else None
    is_delta = isinstance(alert.interval, datetime.timedelta)
    return DeadlineSpec(
        reference=kind,
        interval_seconds=alert.interval.total_seconds() if is_delta else 0.0,
        interval_variable=None if is_delta else str(getattr(alert.interval, "key", "")),
        name=alert.name,
        fixed_at=_instant(fixed),
        max_runs=told.get("max_runs") if kind == "average_runtime" else None,
        min_runs=told.get("min_runs") if kind == "average_runtime" else None,
        custom={"path": plain.path(type(reference)), "data": plain.value(told)} if kind == "custom" else None,
        callback=plain.text(alert.callback.path),
        callback_kind="async" if type(alert.callback).__name__.startswith("Async") else "sync",
        callback_kwargs=plain.value(alert.callback.kwargs),
        callback_executor=getattr(alert.callback, "executor", None),
    )


def _instant(timestamp: float | None) -> str | None:
    if timestamp is None:
        return None
    return datetime.datetime.fromtimestamp(timestamp, tz=datetime.UTC).isoformat()
