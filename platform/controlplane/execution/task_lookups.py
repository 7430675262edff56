"""What a running task may ask about other task instances of its tenant: counts, states, the previous one.

Called by `api/execution` inside the tenant's scope. Source of the questions: Airflow's Task SDK
(`ti.get_ti_count`, `get_task_states`, ExternalTaskSensor, `get_previous_ti`).
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from typing import Any
from uuid import UUID

from controlplane.foundation.db import execute
from controlplane.ledger.models.dag import Dag
from controlplane.ledger.models.dag_version import DagVersion

_PREVIOUS = (
    "task_id",
    "dag_id",
    "run_id",
    "logical_date",
    "start_date",
    "end_date",
    "state",
    "try_number",
    "map_index",
    "duration",
)


class TaskGroupUnknown(LookupError):
    """The newest version of the DAG has no such group, or there is no such DAG."""


@dataclass(frozen=True, slots=True)
class Which:
    """Which task instances of a DAG are meant. Empty lists and None do not narrow."""

    dag_id: str
    task_ids: list[str] = field(default_factory=list)
    run_ids: list[str] = field(default_factory=list)
    logical_dates: list[datetime] = field(default_factory=list)
    map_index: int | None = None


def count_tasks(*, which: Which, states: list[str], group_id: str | None = None) -> int:
    """How many there are; `null` among `states` means those without one. Raises TaskGroupUnknown."""
    rows = execute(
        "execution/sql/count_tasks.sql",
        **_narrowed(which),
        in_group=None if group_id is None else tasks_of_group(dag_id=which.dag_id, group_id=group_id),
        states=[state for state in states if state != "null"],
        any_state=not states,
        null_state="null" in states,
    )
    return int(rows[0][0])


def task_states(*, which: Which, group_id: str | None = None) -> dict[str, dict[str, str | None]]:
    """States by run id, then by task id (`<task id>_<map index>` for a mapped one). With a group: its tasks,
    and those named besides. Raises TaskGroupUnknown."""
    task_ids = list(which.task_ids)
    if group_id is not None:
        task_ids += tasks_of_group(dag_id=which.dag_id, group_id=group_id)
        if not task_ids:
            return {}
    told: dict[str, dict[str, str | None]] = {}
    rows = execute("execution/sql/list_task_states.sql", **{**_narrowed(which), "task_ids": task_ids or None})
    for run_id, task_id, map_index, state in rows:
        told.setdefault(run_id, {})[task_id if map_index < 0 else f"{task_id}_{map_index}"] = state
    return told


def breadcrumbs(*, dag_id: str, run_id: str) -> list[dict[str, Any]]:
    """The finished task instances of a run: task_id, map_index, state, operator, duration in seconds."""
    rows = execute("execution/sql/list_breadcrumbs.sql", dag_id=dag_id, run_id=run_id)
    names = ("task_id", "map_index", "state", "operator", "duration")
    return [dict(zip(names, row, strict=True)) for row in rows]


def previous_task(
    *, dag_id: str, task_id: str, map_index: int, before: datetime | None, state: str | None
) -> dict[str, Any] | None:
    """The task instance of the latest logical date (before `before`), as PreviousTIResponse; None if none."""
    rows = execute(
        "execution/sql/previous_task.sql",
        dag_id=dag_id,
        task_id=task_id,
        map_index=map_index,
        before=before,
        state=state,
    )
    return dict(zip(_PREVIOUS, rows[0], strict=True)) if rows else None


def first_reschedule(*, task_instance_id: UUID) -> datetime | None:
    """When this try of a sensor began to wait: the start of its first look. None before it rescheduled."""
    rows = execute("execution/sql/first_reschedule.sql", id=task_instance_id)
    return rows[0][0] if rows else None


def tasks_of_group(*, dag_id: str, group_id: str) -> list[str]:
    """Task ids in the group and in the groups below it, in the newest version. Raises TaskGroupUnknown."""
    spec = (
        DagVersion.objects.filter(id__in=Dag.objects.filter(dag_id=dag_id).values("current_version_id"))
        .values_list("spec", flat=True)
        .first()
    )
    parents = {group["group_id"]: group.get("parent_id") for group in (spec or {}).get("groups", [])}
    if group_id not in parents:
        raise TaskGroupUnknown(f"Task group {group_id} not found in DAG {dag_id}")

    def is_inside(group: str | None) -> bool:
        return group == group_id or (group is not None and is_inside(parents.get(group)))

    assert spec is not None
    return [task["task_id"] for task in spec["tasks"] if is_inside(task.get("group_id"))]


def _narrowed(which: Which) -> dict[str, Any]:
    return {
        "dag_id": which.dag_id,
        "task_ids": which.task_ids or None,
        "run_ids": which.run_ids or None,
        "logical_dates": which.logical_dates or None,
        "map_index": which.map_index,
    }
