"""What people write in the place of tasks: XComs, and what tasks keep for later tries. Inside the tenant's scope.

Called by `api/v2`. Values are checked and stored as those of tasks are; there is no attempt whose place could be taken.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from typing import Any
from uuid import UUID

from controlplane.execution import large_xcoms, task_states
from controlplane.execution.storable import json_text
from controlplane.execution.xcom_room import take_room
from controlplane.ledger.models.dag_run import DagRun
from controlplane.ledger.models.task_instance import TaskInstance
from controlplane.ledger.models.task_state import TaskState
from controlplane.ledger.models.xcom import XCom
from domain.ids import uuid7

RETURN_KEY = "return_value"


class XComExists(Exception):
    """The task has one of this key and map index already."""


class XComMissing(LookupError):
    """The task has none of this key and map index."""


def add_xcom(*, run: DagRun, task_id: str, map_index: int, key: str, value: Any, now: datetime) -> XCom:
    """A new one. Raises XComExists, NotStorable, XComTooLarge and XComsFull (both a NotStorable)."""
    stored, kept_as, size = _placed(run.tenant_id, key, value)
    row = XCom(
        id=uuid7(),
        tenant_id=run.tenant_id,
        dag_run=run,
        dag_id=run.dag_id,
        run_id=run.run_id,
        task_id=task_id,
        map_index=map_index,
        key=key,
        value=stored,
        kept_as=kept_as,
        bytes=size,
        timestamp=now,
    )
    XCom.objects.bulk_create([row], ignore_conflicts=True)
    if not XCom.objects.filter(id=row.id).exists():
        raise XComExists(key)
    return row


def change_xcom(*, row: XCom, value: Any, now: datetime) -> None:
    """Another value. How many instances a mapped task has does not change by it. Raises what `add_xcom` raises."""
    row.value, row.kept_as, row.bytes = _placed(row.tenant_id, row.key, value)
    row.timestamp = now
    row.save(update_fields=["value", "kept_as", "bytes", "timestamp"])


def delete_xcom(*, dag_id: str, run_id: str, task_id: str, map_index: int, key: str) -> None:
    """Gone. Raises XComMissing."""
    rows = XCom.objects.filter(dag_id=dag_id, run_id=run_id, task_id=task_id, map_index=map_index, key=key)
    if not rows.delete()[0]:
        raise XComMissing(key)


def results_of(*, run_row: UUID, task_ids: Iterable[str]) -> dict[str, Any]:
    """task -> what it returned; a list, in the order of map indexes, of a task that is mapped."""
    rows = XCom.objects.filter(dag_run_id=run_row, task_id__in=list(task_ids), key=RETURN_KEY)
    found: dict[str, list[tuple[int, Any]]] = {}
    for row in rows.order_by("task_id", "map_index"):
        value = large_xcoms.value_of(value=row.value, kept_as=row.kept_as)
        found.setdefault(row.task_id, []).append((row.map_index, value))
    return {
        task_id: values[0][1] if len(values) == 1 and values[0][0] < 0 else [value for _, value in values]
        for task_id, values in found.items()
    }


def keep(*, instance: TaskInstance, key: str, value: Any, expires_at: datetime | None, now: datetime) -> None:
    """A value for the task's later tries. Raises NotStorable, AttemptSuperseded (it was cleared just now)."""
    task_states.put(
        by=instance.id, epoch=instance.epoch, key=key, value=value, expires_at=expires_at, now=now
    )


def forget(*, instance: TaskInstance, key: str | None, every_index: bool = False) -> None:
    """One value, or all of them; of the task's every map index when told so. Nothing is no mistake."""
    rows = TaskState.objects.filter(dag_run_id=instance.dag_run_id, task_id=instance.task_id)
    if not every_index:
        rows = rows.filter(map_index=instance.map_index)
    (rows if key is None else rows.filter(key=key)).delete()


def _placed(tenant_id: UUID, key: str, value: Any) -> tuple[Any, str | None, int]:
    whole = json_text(value)
    size = large_xcoms.check_size(key=key, text=whole)
    take_room(size=size)
    text, kept_as = large_xcoms.place(key=key, text=whole, tenant_id=tenant_id)
    return (value if text is not None else None), kept_as, size
