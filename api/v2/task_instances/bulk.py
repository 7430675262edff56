"""PATCH …/taskInstances: many task instances are marked, noted or deleted in one request."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from django.db import transaction

from api.v2.bulk import BulkBody, BulkDelete, BulkUpdate, Outcome, Results
from api.v2.operation import Call, operation
from api.v2.refusals import Refusal
from api.v2.task_instances.answer import newest
from api.v2.task_instances.changes import BulkEntity
from api.v2.task_instances.mark import fields, find, mark, write_note
from controlplane.ledger.models.task_instance import TaskInstance
from controlplane.runs.delete import delete_tasks

Key = tuple[str, str, str, int | None]


@operation("runs.edit", event="bulk_task_instances")
def bulk_task_instances(call: Call, dag_id: str, dag_run_id: str) -> Any:
    """Each action as a whole or not at all where it fails for what is not there; `~` stands for what entities say."""
    outcome = Outcome()
    for action in call.body(BulkBody[BulkEntity]).actions:
        results = outcome.of(action.action)
        if isinstance(action, BulkUpdate):
            _update(call, action, _keyed(action.entities, dag_id, dag_run_id, results), results)
        elif isinstance(action, BulkDelete):
            _delete(call, action, _keyed(action.entities, dag_id, dag_run_id, results), results)
        else:
            results.fail(405, "Task instances bulk create is not supported")
    return outcome.answer()


def _keyed(
    entities: Sequence[str | BulkEntity], dag_id: str, dag_run_id: str, results: Results
) -> dict[Key, BulkEntity | None]:
    """Those that name an instance: (dag, run, task, index; None for all indexes)."""
    keyed: dict[Key, BulkEntity | None] = {}
    for one in entities:
        if isinstance(one, str):
            key: Key = (dag_id, dag_run_id, one, None)
            told = "BulkTaskInstanceBody object, not as string"
        else:
            key = (one.dag_id or dag_id, one.dag_run_id or dag_run_id, one.task_id, one.map_index)
            told = "request body"
        if "~" in key[:2]:
            results.fail(
                400,
                f"When using wildcard in path, dag_id and dag_run_id must be specified in {told} for "
                f"task_id: {key[2]}",
            )
        else:
            keyed[key] = one if isinstance(one, BulkEntity) else None
    # As in Airflow, single indexes come before whole tasks.
    return dict(sorted(keyed.items(), key=lambda item: item[0][3] is None))


def _update(
    call: Call,
    action: BulkUpdate[BulkEntity],
    keyed: dict[Key, BulkEntity | None],
    results: Results,
) -> None:
    found = _present(keyed, skip=action.action_on_non_existence == "skip", results=results)
    for key, indexes in (found or {}).items():
        dag_id, run_id, task_id, _ = key
        body = keyed[key]
        assert body is not None, "updates are no bare names"
        for map_index in indexes:
            try:
                with transaction.atomic():
                    _change(call, action, body, key, map_index)
            except Refusal as refusal:
                # Airflow ends the action at the first that cannot be changed.
                results.fail(refusal.status, refusal.detail)
                return
            results.success.append(f"{dag_id}.{run_id}.{task_id}[{map_index}]")


def _change(call: Call, action: BulkUpdate[BulkEntity], body: BulkEntity, key: Key, map_index: int) -> None:
    dag_id, run_id, task_id, _ = key
    spec = newest(dag_id)
    if all(task.task_id != task_id for task in spec.tasks):
        raise Refusal(404, f"Task '{task_id}' not found in Dag '{dag_id}'")
    wanted = fields(call, body, action.update_mask or [])
    if "note" in wanted:
        write_note(find(spec, run_id, task_id, map_index), body)
    if "new_state" in wanted:
        mark(call, spec, run_id, task_id, body.map_index, body)


def _delete(
    call: Call,
    action: BulkDelete[BulkEntity],
    keyed: dict[Key, BulkEntity | None],
    results: Results,
) -> None:
    found = _present(keyed, skip=action.action_on_non_existence == "skip", results=results)
    if not found:
        return
    delete_tasks(ids=sorted({row for indexes in found.values() for row in indexes.values()}), now=call.now)
    for (dag_id, run_id, task_id, _), indexes in found.items():
        results.success += [f"{dag_id}.{run_id}.{task_id}[{map_index}]" for map_index in indexes]


def _present(
    keyed: dict[Key, BulkEntity | None], *, skip: bool, results: Results
) -> dict[Key, dict[int, Any]] | None:
    """Of each key the instances by map index; None, with the error told, when one is missing that must not be."""
    found: dict[Key, dict[int, Any]] = {}
    missing = []
    for key in keyed:
        dag_id, run_id, task_id, map_index = key
        rows = TaskInstance.objects.filter(dag_id=dag_id, run_id=run_id, task_id=task_id)
        if map_index is not None:
            rows = rows.filter(map_index=map_index)
        there = dict(rows.order_by("map_index").values_list("map_index", "id"))
        if there:
            found[key] = there
        else:
            missing.append(key)
    if not missing or skip:
        return found
    single = [key for key in missing if key[3] is not None]
    if single:
        names = ("dag_id", "dag_run_id", "task_id", "map_index")
        told = [dict(zip(names, key, strict=True)) for key in single]
        results.fail(404, f"The task instances with these identifiers: {told} were not found")
    else:
        dag_id, run_id, task_id, _ = missing[0]
        results.fail(
            404, f"No task instances found for dag_id: {dag_id}, run_id: {run_id}, task_id: {task_id}"
        )
    return None
