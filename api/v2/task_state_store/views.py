"""…/taskInstances/{task_id}/state-store and …/state-store/{key}: read and write what a task keeps."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from api.v2.operation import Call, Reply, operation
from api.v2.refusals import Refusal, not_found, wrong
from api.v2.state_bodies import LONGEST_KEY, RETENTION_DAYS, ExpiringBody, ValueBody
from controlplane.execution import by_hand
from controlplane.execution.attempts import AttemptSuperseded
from controlplane.execution.storable import NotStorable
from controlplane.ledger.models.task_instance import TaskInstance
from controlplane.ledger.models.task_state import TaskState


@operation("runs.read")
def list_task_state_store(call: Call, dag_id: str, dag_run_id: str, task_id: str) -> Any:
    """A page of what the task keeps, by key. A task that is not there keeps nothing."""
    rows = _kept(call, dag_id, dag_run_id, task_id).order_by("key")
    offset, limit = call.query.offset(), call.query.limit()
    found = [_response(row) for row in rows[offset : offset + limit]]
    return {"task_state_store": found, "total_entries": rows.count()}


@operation("runs.read")
def get_task_state_store(call: Call, dag_id: str, dag_run_id: str, task_id: str, key: str) -> Any:
    """One value."""
    return _response(_read(call, dag_id, dag_run_id, task_id, key))


@operation("runs.edit", event="set_task_state_store")
def set_task_state_store(call: Call, dag_id: str, dag_run_id: str, task_id: str, key: str) -> Any:
    """Make or replace a value."""
    instance = _instance(call, dag_id, dag_run_id, task_id)
    body = call.body(ExpiringBody)
    expires_at = body.expires_at
    if expires_at == "default":
        expires_at = call.now + timedelta(days=RETENTION_DAYS)
    _keep(call, instance, key, body.value, expires_at)
    return Reply(204)


@operation("runs.edit", event="patch_task_state_store")
def patch_task_state_store(call: Call, dag_id: str, dag_run_id: str, task_id: str, key: str) -> Any:
    """Another value; it ends when the old one would have."""
    instance = _instance(call, dag_id, dag_run_id, task_id)
    body = call.body(ValueBody)
    _keep(call, instance, key, body.value, _read(call, dag_id, dag_run_id, task_id, key).expires_at)
    return None


@operation("runs.edit", event="delete_task_state_store")
def delete_task_state_store(call: Call, dag_id: str, dag_run_id: str, task_id: str, key: str) -> Any:
    """Gone; also when it was not there."""
    by_hand.forget(instance=_instance(call, dag_id, dag_run_id, task_id), key=key)
    return Reply(204)


@operation("runs.edit", event="clear_task_state_store")
def clear_task_state_store(call: Call, dag_id: str, dag_run_id: str, task_id: str) -> Any:
    """All of it is gone; with `all_map_indices` that of every map index."""
    everywhere = call.query.boolean("all_map_indices") or False
    instance = _instance(call, dag_id, dag_run_id, task_id, any_index=everywhere)
    by_hand.forget(instance=instance, key=None, every_index=everywhere)
    return Reply(204)


def _map_index(call: Call) -> int:
    given = call.query.integer("map_index")
    if given is not None and given < -1:
        found = "Input should be greater than or equal to -1"
        raise wrong(("query", "map_index"), found, str(given), "greater_than_equal")
    return -1 if given is None else given


def _kept(call: Call, dag_id: str, dag_run_id: str, task_id: str) -> Any:
    return TaskState.objects.filter(
        dag_run__dag_id=dag_id, dag_run__run_id=dag_run_id, task_id=task_id, map_index=_map_index(call)
    )


def _read(call: Call, dag_id: str, dag_run_id: str, task_id: str, key: str) -> TaskState:
    row: TaskState | None = _kept(call, dag_id, dag_run_id, task_id).filter(key=key).first()
    if row is None:
        raise not_found(f"Task state store key {key!r} not found")
    return row


def _instance(
    call: Call, dag_id: str, dag_run_id: str, task_id: str, *, any_index: bool = False
) -> TaskInstance:
    map_index = _map_index(call)
    rows = TaskInstance.objects.filter(dag_id=dag_id, run_id=dag_run_id, task_id=task_id)
    row = (rows if any_index else rows.filter(map_index=map_index)).order_by("map_index").first()
    if row is None:
        told = "all_map_indices=True" if any_index else f"map_index={map_index}"
        raise not_found(
            f"Task instance not found for dag_id={dag_id!r}, run_id={dag_run_id!r}, task_id={task_id!r}, {told}"
        )
    return row


def _keep(call: Call, instance: TaskInstance, key: str, value: Any, expires_at: Any) -> None:
    if len(key) > LONGEST_KEY:
        raise wrong(("path", "key"), f"String should have at most {LONGEST_KEY} characters", key[:50])
    try:
        by_hand.keep(instance=instance, key=key, value=value, expires_at=expires_at, now=call.now)
    except NotStorable as error:
        raise wrong(("body", "value"), f"Value error, {error}", None) from error
    except AttemptSuperseded as error:
        raise Refusal(409, "The task instance was changed just now: try again") from error


def _response(row: TaskState) -> dict[str, Any]:
    return {
        "key": row.key,
        "value": row.value,
        "updated_at": row.updated_at,
        "expires_at": row.expires_at,
    }
