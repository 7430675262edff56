"""Which task instances a list shows: Airflow's filters and orders on our rows."""

from __future__ import annotations

from datetime import datetime
from typing import Any
from uuid import UUID

import msgspec
from django.db.models import DurationField, ExpressionWrapper, F, FloatField, QuerySet
from django.db.models.functions import Coalesce, Extract

from api.v2.dag_runs.search import chosen
from api.v2.listing import any_of, patterns, within
from api.v2.query import Query
from api.v2.refusals import Refusal
from controlplane.ledger.models.dag_version import DagVersion
from controlplane.ledger.models.task_instance import TaskInstance
from domain.states import TaskState
from taskwire.dagspec import DagSpec

STATES = tuple(str(state) for state in TaskState)
ORDERS: dict[str, str | list[str]] = {
    "id": "id",
    "state": "state",
    "duration": "seconds",
    "start_date": "start_date",
    "end_date": "end_date",
    "map_index": "map_index",
    "try_number": "try_number",
    "logical_date": "dag_run__logical_date",
    "run_after": "dag_run__run_after",
    "data_interval_start": "dag_run__data_interval_start",
    "data_interval_end": "dag_run__data_interval_end",
    "rendered_map_index": ["rendered_map_index", "map_index"],
    "operator": "operator",
}


def all_instances() -> QuerySet[TaskInstance]:
    """Every task instance of the tenant, its run loaded, with the columns that orders need."""
    length = ExpressionWrapper(F("end_date") - F("start_date"), output_field=DurationField())
    rows = TaskInstance.objects.select_related("dag_run")
    changed = Coalesce("end_date", "last_heartbeat_at", "start_date", "queued_at", "scheduled_at")
    return rows.annotate(seconds=Extract(length, "epoch", output_field=FloatField()), changed_at=changed)


def search_instances(rows: QuerySet[TaskInstance], query: Query, *, now: datetime) -> QuerySet[TaskInstance]:
    """The filters that every list of task instances has."""
    rows = within(rows, "dag_run__run_after", query.instants("run_after"))
    rows = within(rows, "dag_run__logical_date", query.instants("logical_date"))
    rows = within(rows, "changed_at", query.instants("updated_at"))
    for name in ("start_date", "end_date"):
        rows = within(rows, name, query.instants(name), open_until=now)
    rows = within(rows, "seconds", query.numbers("duration"))
    rows = any_of(rows, "state", chosen(query.texts("state"), STATES, "state"))
    for name in ("pool", "queue", "executor", "operator"):
        rows = any_of(rows, name, query.texts(name))
    rows = any_of(rows, "try_number", query.integers("try_number"))
    rows = any_of(rows, "map_index", query.integers("map_index"))
    rows = any_of(rows, "dag_version__version_number", query.integers("version_number"))
    return patterns(
        rows,
        query,
        pool_name="pool",
        queue_name="queue",
        operator_name="operator",
        rendered_map_index="rendered_map_index",
    )


def search_everywhere(rows: QuerySet[TaskInstance], query: Query) -> QuerySet[TaskInstance]:
    """Further filters of GET …/taskInstances."""
    if (task_id := query.text("task_id")) is not None:
        rows = rows.filter(task_id=task_id)
    return patterns(rows, query, dag_id="dag_id", run_id="run_id", task_display_name="task_id")


def in_group(rows: QuerySet[TaskInstance], group_id: str, version_id: UUID | None) -> QuerySet[TaskInstance]:
    """The instances of a task group's tasks, those of groups inside it included."""
    raw = DagVersion.objects.filter(id=version_id).values_list("spec", flat=True).first()
    spec = None if raw is None else msgspec.convert(raw, DagSpec)
    parents = {} if spec is None else {group.group_id: group.parent_id for group in spec.groups}
    if spec is None or group_id not in parents:
        raise Refusal(404, {"reason": "not_found", "message": f"Task group {group_id} not found"})

    def is_inside(name: str | None) -> bool:
        while name is not None and name != group_id:
            name = parents.get(name)
        return name == group_id

    return rows.filter(task_id__in=[task.task_id for task in spec.tasks if is_inside(task.group_id)])


def read_order(row: TaskInstance, field: str) -> Any:
    """A row's value of a sort column, for cursors."""
    found: Any = row
    for part in field.split("__"):
        found = getattr(found, part)
    return found
