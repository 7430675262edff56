"""GET …/taskInstances and below: lists, one instance, mapped ones; POST …/taskInstances/list."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from django.db.models import QuerySet

from api.v2.body_ranges import body_range
from api.v2.cursors import COUNT_LIMIT, cursor_page
from api.v2.listing import any_of, ordered, ordering, page, within
from api.v2.operation import Call, operation
from api.v2.query import MAX_PAGE
from api.v2.refusals import Refusal, not_found
from api.v2.task_instances.bodies import InstancesBatchBody
from api.v2.task_instances.search import (
    ORDERS,
    all_instances,
    in_group,
    read_order,
    search_everywhere,
    search_instances,
)
from api.v2.task_instances.shape import instance_responses
from controlplane.ledger.models.dag import Dag
from controlplane.ledger.models.dag_run import DagRun
from controlplane.ledger.models.dag_task import DagTask
from controlplane.ledger.models.task_instance import TaskInstance

_EMPTY = {"total_entries_limit": None, "next_cursor": None, "previous_cursor": None}


@operation("runs.read")
def get_task_instances(call: Call, dag_id: str, dag_run_id: str) -> Any:
    """Instances of one run; `~` stands for all runs, or all DAGs. By offset, or by cursor when given."""
    rows, version_id = _of(dag_id, dag_run_id)
    rows = search_everywhere(search_instances(rows, call.query, now=call.now), call.query)
    if (group := call.query.text("task_group_id")) is not None:
        rows = in_group(rows, group, version_id)
    cursor = call.query.text("cursor")
    if cursor is None:
        found, total = page(rows, call.query, ORDERS, default="map_index")
        return {"task_instances": instance_responses(found), "total_entries": total, **_EMPTY}
    columns = ordering(call.query.texts("order_by"), ORDERS, default="map_index")
    paged = cursor_page(rows, cursor=cursor, limit=call.query.limit(), columns=columns, read=read_order)
    return {
        "task_instances": instance_responses(paged.rows),
        "total_entries": paged.total,
        "total_entries_limit": COUNT_LIMIT,
        "next_cursor": paged.next_cursor,
        "previous_cursor": paged.previous_cursor,
    }


@operation("runs.read")
def get_task_instances_batch(call: Call, dag_id: str, dag_run_id: str) -> Any:
    """Instances by a body of filters; the path has `~` twice."""
    for name, given in (("dag_id", dag_id), ("dag_run_id", dag_run_id)):
        if given != "~":
            wrong = {
                "type": "literal_error",
                "loc": ["path", name],
                "msg": "Input should be '~'",
                "input": given,
            }
            raise Refusal(422, [wrong])
    body = call.body(InstancesBatchBody)
    rows = any_of(all_instances(), "dag_id", body.dag_ids or [])
    rows = any_of(rows, "run_id", body.dag_run_ids or [])
    rows = any_of(rows, "task_id", body.task_ids or [])
    rows = any_of(rows, "state", [None if state is None else str(state) for state in body.state or []])
    for name in ("pool", "queue", "executor"):
        rows = any_of(rows, name, getattr(body, name) or [])
    rows = within(rows, "dag_run__run_after", body_range(body, "run_after"))
    rows = within(rows, "dag_run__logical_date", body_range(body, "logical_date"))
    rows = within(rows, "start_date", body_range(body, "start_date"))
    rows = within(rows, "end_date", body_range(body, "end_date"))
    rows = within(rows, "seconds", body_range(body, "duration"))
    columns = ordering([body.order_by] if body.order_by else [], ORDERS, default="id")
    end = body.page_offset + min(body.page_limit, MAX_PAGE)
    found = list(ordered(rows, columns)[body.page_offset : end])
    return {"task_instances": instance_responses(found), "total_entries": rows.count(), **_EMPTY}


@operation("runs.read")
def get_mapped_task_instances(call: Call, dag_id: str, dag_run_id: str, task_id: str) -> Any:
    """The instances that a mapped task was expanded to. None at all is an empty list, not a 404."""
    rows = all_instances().filter(dag_id=dag_id, run_id=dag_run_id, task_id=task_id, map_index__gte=0)
    if not rows.exists():
        _require_mapped(dag_id, dag_run_id, task_id)
    rows = search_instances(rows, call.query, now=call.now)
    found, total = page(rows, call.query, ORDERS, default="map_index")
    return {"task_instances": instance_responses(found), "total_entries": total, **_EMPTY}


@operation("runs.read")
def get_task_instance(call: Call, dag_id: str, dag_run_id: str, task_id: str) -> Any:
    """One instance of a task that is not mapped (or not expanded yet)."""
    rows = all_instances().filter(dag_id=dag_id, run_id=dag_run_id, task_id=task_id)
    row = rows.order_by("map_index").first()
    if row is None:
        raise not_found(
            f"The Task Instance with dag_id: `{dag_id}`, run_id: `{dag_run_id}` and task_id: `{task_id}` "
            "was not found"
        )
    if row.map_index != -1:
        raise not_found("Task instance is mapped, add the map_index value to the URL")
    return instance_responses([row])[0]


@operation("runs.read")
def get_mapped_task_instance(call: Call, dag_id: str, dag_run_id: str, task_id: str, map_index: int) -> Any:
    """One instance by its map index; -1 for a task that is not mapped."""
    return instance_responses([read_instance(dag_id, dag_run_id, task_id, map_index)])[0]


def read_instance(dag_id: str, dag_run_id: str, task_id: str, map_index: int) -> TaskInstance:
    """The row with its run, or Airflow's 404."""
    rows = all_instances().filter(dag_id=dag_id, run_id=dag_run_id, task_id=task_id, map_index=map_index)
    row = rows.first()
    if row is None:
        raise not_found(
            f"The Mapped Task Instance with dag_id: `{dag_id}`, run_id: `{dag_run_id}`, task_id: `{task_id}`, "
            f"and map_index: `{map_index}` was not found"
        )
    return row


def _of(dag_id: str, dag_run_id: str) -> tuple[QuerySet[TaskInstance], UUID | None]:
    """The instances that the path names, and the version whose task groups count."""
    rows = all_instances()
    version_id = None
    if dag_run_id != "~":
        if dag_id == "~":
            raise Refusal(400, "dag_id is required when dag_run_id is specified")
        run = (
            DagRun.objects.filter(dag_id=dag_id, run_id=dag_run_id)
            .values_list("id", "dag_version_id")
            .first()
        )
        if run is None:
            raise not_found(f"DagRun with dag_id: `{dag_id}` and run_id: `{dag_run_id}` was not found")
        return rows.filter(dag_run_id=run[0]), run[1]
    if dag_id != "~":
        dag = Dag.objects.filter(dag_id=dag_id).values_list("current_version_id").first()
        if dag is None:
            raise not_found(f"The Dag with ID: `{dag_id}` was not found")
        version_id = dag[0]
        rows = rows.filter(dag_id=dag_id)
    return rows, version_id


def _require_mapped(dag_id: str, dag_run_id: str, task_id: str) -> None:
    versions = DagRun.objects.filter(dag_id=dag_id, run_id=dag_run_id).values_list(
        "dag_version_id", flat=True
    )
    version_id = versions.first()
    if version_id is None:
        raise not_found(f"The Dag with ID: `{dag_id}` was not found")
    task = DagTask.objects.filter(dag_version_id=version_id, task_id=task_id).values_list("is_mapped").first()
    if task is None:
        raise not_found(f"Task id {task_id} not found")
    if not task[0]:
        raise not_found(f"Task id {task_id} is not mapped")
