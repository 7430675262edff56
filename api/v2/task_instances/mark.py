"""PATCH of task instances and of task groups' instances: state and note; DELETE of one; dry runs."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any
from uuid import UUID

from api.v2.operation import Call, operation
from api.v2.refusals import Refusal, not_found
from api.v2.task_instances.answer import collection, newest
from api.v2.task_instances.changes import PatchBody
from controlplane.ledger.models.dag_run import DagRun
from controlplane.ledger.models.task_instance import TaskInstance
from controlplane.runs.choose import Marker
from controlplane.runs.delete import delete_tasks
from controlplane.runs.mark import mark_tasks, marked_by
from domain.subset import Relatives
from taskwire.dagspec import DagSpec

_RECORDS = ("new_state", "note", "include_upstream", "include_downstream", "include_future", "include_past")


@operation("runs.edit", event="patch_task_instance", records=_RECORDS)
def patch_task_instance(call: Call, dag_id: str, dag_run_id: str, task_id: str, **path: int) -> Any:
    """Note and state of a task's instances, or of one index; with the state of its relatives and neighbours."""
    map_index = path.get("map_index", call.query.integer("map_index"))
    body = call.body(PatchBody)
    spec = newest(dag_id)
    ids = _instances(spec, dag_run_id, task_id, map_index)
    wanted = fields(call, body)
    if "note" in wanted:
        write_note(ids, body, call.query.texts("update_mask"))
    if "new_state" in wanted:
        mark(call, spec, dag_run_id, task_id, map_index, body)
    return collection(ids)


@operation("runs.edit")
def patch_task_instance_dry_run(call: Call, dag_id: str, dag_run_id: str, task_id: str, **path: int) -> Any:
    """What `patch_task_instance` would change."""
    map_index = path.get("map_index", call.query.integer("map_index"))
    body = call.body(PatchBody)
    spec = newest(dag_id)
    ids = _instances(spec, dag_run_id, task_id, map_index)
    if "new_state" in fields(call, body) and body.new_state:
        ids = _would_mark(spec, dag_run_id, [marker(task_id, map_index)], body)
    return collection(ids)


@operation("runs.edit", event="patch_task_group_instances", records=_RECORDS)
def patch_task_group_instances(call: Call, dag_id: str, dag_run_id: str, group_id: str) -> Any:
    """The same for all tasks of a group."""
    body = call.body(PatchBody)
    spec = newest(dag_id)
    names, ids = _group(spec, dag_run_id, group_id)
    wanted = fields(call, body)
    if "note" in wanted:
        write_note(ids, body, call.query.texts("update_mask"))
    if "new_state" in wanted and body.new_state:
        ids = _mark(call, spec, dag_run_id, names, body)
        if not ids:
            raise Refusal(409, f"All task instances in the group are already in {body.new_state} state")
    return collection(ids)


@operation("runs.edit")
def patch_task_group_instances_dry_run(call: Call, dag_id: str, dag_run_id: str, group_id: str) -> Any:
    """What `patch_task_group_instances` would change."""
    body = call.body(PatchBody)
    spec = newest(dag_id)
    names, ids = _group(spec, dag_run_id, group_id)
    if body.new_state:
        ids = _would_mark(spec, dag_run_id, names, body)
    return collection(ids)


@operation("runs.edit", event="delete_task_instance")
def delete_task_instance(call: Call, dag_id: str, dag_run_id: str, task_id: str) -> Any:
    """One instance is gone; `map_index` says which of a mapped task."""
    given = call.query.integer("map_index")
    map_index = -1 if given is None else given
    rows = TaskInstance.objects.filter(dag_id=dag_id, run_id=dag_run_id, task_id=task_id, map_index=map_index)
    ids = list(rows.values_list("id", flat=True))
    if not ids:
        raise not_found(
            f"The Task Instance with dag_id: `{dag_id}`, run_id: `{dag_run_id}`, task_id: `{task_id}` and "
            f"map_index: `{map_index}` was not found"
        )
    delete_tasks(ids=ids, now=call.now)
    return None


def fields(call: Call, body: PatchBody, mask: Sequence[str] | None = None) -> set[str]:
    """What of the body is meant: all that was sent, or what of it the mask names."""
    mask = call.query.texts("update_mask") if mask is None else mask
    return body.model_fields_set & set(mask) if mask else set(body.model_fields_set)


def marker(task_id: str, map_index: int | None) -> Marker:
    """A task, or one index of it."""
    return task_id if map_index is None else (task_id, map_index)


def write_note(ids: Sequence[UUID], body: PatchBody, mask: Sequence[str] = ()) -> None:
    """As in Airflow, an empty note removes it, and none at all only when the mask asks for it."""
    if mask or body.note is not None:
        TaskInstance.objects.filter(id__in=ids).update(note=body.note or None)


def mark(
    call: Call, spec: DagSpec, dag_run_id: str, task_id: str, map_index: int | None, body: PatchBody
) -> None:
    """Set the state, or Airflow's 409 when nothing would change."""
    if not _mark(call, spec, dag_run_id, [marker(task_id, map_index)], body):
        raise Refusal(409, f"Task id {task_id} is already in {body.new_state} state")


def find(spec: DagSpec, dag_run_id: str, task_id: str, map_index: int | None) -> list[UUID]:
    """The instances of a task in a run."""
    rows = TaskInstance.objects.filter(dag_id=spec.dag_id, run_id=dag_run_id, task_id=task_id)
    if map_index is not None:
        rows = rows.filter(map_index=map_index)
    return list(rows.order_by("map_index").values_list("id", flat=True))


def _instances(spec: DagSpec, dag_run_id: str, task_id: str, map_index: int | None) -> list[UUID]:
    if all(task.task_id != task_id for task in spec.tasks):
        raise not_found(f"Task '{task_id}' not found in Dag '{spec.dag_id}'")
    ids = find(spec, dag_run_id, task_id, map_index)
    if not ids:
        # Airflow's message is a list of one, by an oversight that its callers know.
        message = (
            f"The Task Instance with dag_id: `{spec.dag_id}`, run_id: `{dag_run_id}`, task_id: `{task_id}` and "
            f"map_index: `{map_index}` was not found"
        )
        raise Refusal(404, [message])
    return ids


def _group(spec: DagSpec, dag_run_id: str, group_id: str) -> tuple[list[str], list[UUID]]:
    names = Relatives(spec).in_group(group_id)
    if names is None:
        raise not_found(f"Task group '{group_id}' not found in DAG '{spec.dag_id}'")
    rows = TaskInstance.objects.filter(dag_id=spec.dag_id, run_id=dag_run_id, task_id__in=names)
    ids = list(rows.values_list("id", flat=True))
    if not ids:
        raise not_found(f"No task instances found for task group '{group_id}' in dag run '{dag_run_id}'")
    return names, ids


def _run(spec: DagSpec, dag_run_id: str) -> DagRun:
    return DagRun.objects.get(dag_id=spec.dag_id, run_id=dag_run_id)


def _mark(call: Call, spec: DagSpec, dag_run_id: str, tasks: Sequence[Marker], body: PatchBody) -> list[UUID]:
    return mark_tasks(
        spec=spec,
        run=_run(spec, dag_run_id),
        tasks=tasks,
        state=str(body.new_state),
        by=call.access.name,
        now=call.now,
        upstream=body.include_upstream,
        downstream=body.include_downstream,
        past=body.include_past,
        future=body.include_future,
    )


def _would_mark(spec: DagSpec, dag_run_id: str, tasks: Sequence[Marker], body: PatchBody) -> list[UUID]:
    return marked_by(
        spec=spec,
        run=_run(spec, dag_run_id),
        tasks=tasks,
        state=str(body.new_state),
        upstream=body.include_upstream,
        downstream=body.include_downstream,
        past=body.include_past,
        future=body.include_future,
    )
