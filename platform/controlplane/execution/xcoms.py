"""What tasks hand to each other: set, get, count, slice and delete one XCom key of one task.

Values are JSON texts all the way through: they are neither decoded nor encoded here. Called by `api/execution`
inside the tenant's scope, after the attempt's stage was checked.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from django.conf import settings

from controlplane.execution import large_xcoms
from controlplane.execution.storable import check_json
from controlplane.execution.xcom_room import take_room
from controlplane.foundation.db import execute
from domain.ids import uuid7
from tenants.scope import current_tenant


class XComUnknown(LookupError):
    """No such XCom."""


class XComRunUnknown(LookupError):
    """The run that an XCom should belong to does not exist."""


class MappedLengthTooLarge(ValueError):
    """More elements than a task may be mapped over."""


@dataclass(frozen=True, slots=True)
class XComName:
    """One key of one task of one run; every map index of it."""

    dag_id: str
    run_id: str
    task_id: str
    key: str


def put_xcom(
    *,
    by: UUID,
    epoch: int,
    name: XComName,
    map_index: int,
    value: str,
    mapped_length: int | None,
    now: datetime,
) -> None:
    """Set or replace it. `by` and `epoch` name the attempt that speaks: if it was superseded in the meantime
    nothing is written. Raises MappedLengthTooLarge, XComRunUnknown, XComTooLarge, XComsFull, NotStorable."""
    if mapped_length is not None and mapped_length > settings.MAX_MAP_LENGTH:
        raise MappedLengthTooLarge("pushed value is too large to map as a downstream's dependency")
    check_json(value)
    size = large_xcoms.check_size(key=name.key, text=value)
    take_room(size=size)
    stored, kept_as = large_xcoms.place(key=name.key, text=value, tenant_id=UUID(str(current_tenant())))
    rows = execute(
        "execution/sql/put_xcom.sql",
        id=uuid7(),
        by=by,
        epoch=epoch,
        dag_id=name.dag_id,
        run_id=name.run_id,
        task_id=name.task_id,
        map_index=map_index,
        key=name.key,
        value=stored,
        kept_as=kept_as,
        bytes=size,
        mapped_length=mapped_length,
        now=now,
    )
    if not rows:
        raise XComRunUnknown(f"DAG run not found on DAG {name.dag_id!r} with ID {name.run_id!r}")


def get_xcom(*, name: XComName, map_index: int, with_earlier_runs: bool = False) -> str:
    """The value at one map index; with earlier runs, of the latest run up to this one that has it.
    Raises XComUnknown."""
    rows = execute(
        "execution/sql/get_xcom.sql",
        dag_id=name.dag_id,
        run_id=name.run_id,
        task_id=name.task_id,
        key=name.key,
        map_index=map_index,
        with_earlier_runs=with_earlier_runs,
    )
    return _only(large_xcoms.resolved(rows), name, f"map_index={map_index}")


def get_xcom_at(
    *, name: XComName, offset: int, with_earlier_runs: bool = False, skip_nulls: bool = False
) -> str:
    """The value at a place in the order of map indexes; -1 is the last. Raises XComUnknown."""
    rows = _values(
        name,
        offset=offset if offset >= 0 else -1 - offset,
        limit=1,
        backwards=offset < 0,
        with_earlier_runs=with_earlier_runs,
        skip_nulls=skip_nulls,
    )
    return _only(rows, name, f"offset={offset}")


def count_xcoms(*, name: XComName, with_earlier_runs: bool = False) -> int:
    """How many map indexes have this key."""
    rows = execute(
        "execution/sql/count_xcoms.sql",
        dag_id=name.dag_id,
        run_id=name.run_id,
        task_id=name.task_id,
        key=name.key,
        with_earlier_runs=with_earlier_runs,
    )
    return int(rows[0][0])


def slice_xcoms(
    *,
    name: XComName,
    start: int | None,
    stop: int | None,
    step: int | None,
    with_earlier_runs: bool = False,
) -> list[str]:
    """`values[start:stop:step]` of the values in the order of map indexes; a step of 0 counts as 1, as in
    Airflow. Only the rows between the ends are read."""
    count = count_xcoms(name=name, with_earlier_runs=with_earlier_runs)
    wanted = range(*slice(start, stop, step or 1).indices(count))
    if not wanted:
        return []
    first, last = min(wanted[0], wanted[-1]), max(wanted[0], wanted[-1])
    rows = _values(
        name,
        offset=first,
        limit=last - first + 1,
        backwards=False,
        with_earlier_runs=with_earlier_runs,
        skip_nulls=False,
    )
    return [rows[place - first] for place in wanted if place - first < len(rows)]


def delete_xcom(*, by: UUID, epoch: int, name: XComName, map_index: int) -> None:
    """Nothing happens when there is none, or when the attempt that speaks was superseded."""
    execute(
        "execution/sql/delete_xcom.sql",
        by=by,
        epoch=epoch,
        dag_id=name.dag_id,
        run_id=name.run_id,
        task_id=name.task_id,
        map_index=map_index,
        key=name.key,
    )


def _values(
    name: XComName,
    *,
    offset: int,
    limit: int,
    backwards: bool,
    with_earlier_runs: bool,
    skip_nulls: bool,
) -> list[str]:
    rows = execute(
        "execution/sql/list_xcoms.sql",
        dag_id=name.dag_id,
        run_id=name.run_id,
        task_id=name.task_id,
        key=name.key,
        with_earlier_runs=with_earlier_runs,
        skip_nulls=skip_nulls,
        backwards=backwards,
        limit=limit,
        offset=offset,
    )
    return large_xcoms.resolved(rows)


def _only(texts: list[str], name: XComName, place: str) -> str:
    if not texts:
        raise XComUnknown(
            f"XCom with key={name.key!r} {place} not found for task {name.task_id!r} "
            f"in DAG run {name.run_id!r} of {name.dag_id!r}"
        )
    return texts[0]
