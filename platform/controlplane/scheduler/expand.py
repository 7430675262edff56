"""Mapped task instances whose upstream is done become as many instances as their input is long."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

import msgspec

from controlplane.foundation.db import execute
from controlplane.ledger.transitions import end_unexpanded, expand_task
from domain.mapping import ExpandInputInvalid, length, xcom_sources
from taskwire.dagspec import ExpandInput, Struct

MAX_MAP_LENGTH = 1024
"""Airflow's `core.max_map_length`; a tenant's setting may raise it."""


class _Mapped(Struct, kw_only=True):
    """Of a task's spec only what expansion needs."""

    task_id: str
    expand: ExpandInput | None = None


def expand(*, ids: Sequence[UUID], now: datetime, using: str, longest: int = MAX_MAP_LENGTH) -> list[UUID]:
    """Expand each; returns the instances that ended instead (empty input, or input that cannot be mapped)."""
    ended: list[UUID] = []
    for task_instance, dag_run, task in execute("scheduler/sql/read_mapped.sql", using=using, ids=list(ids)):
        try:
            problem, count = _count(dag_run, task, using)
        except (ExpandInputInvalid, msgspec.ValidationError) as error:
            # One task that says nonsense must not stop its tenant's scheduler.
            problem, count = f"Cannot map: {error}.", None
        if problem is None and count is not None and count > longest:
            problem = f"The input has {count} elements; at most {longest} can be mapped (max_map_length)."
        if problem is not None:
            end_unexpanded(task_instance=task_instance, state="failed", note=problem, now=now, using=using)
            ended.append(task_instance)
        elif count == 0:
            note = "Skipped: the input to map over is empty."
            end_unexpanded(task_instance=task_instance, state="skipped", note=note, now=now, using=using)
            ended.append(task_instance)
        else:
            expand_task(task_instance=task_instance, length=count or 1, now=now, using=using)
    return ended


def _count(dag_run: UUID, task: dict[str, Any], using: str) -> tuple[str | None, int | None]:
    spec = msgspec.convert(task, _Mapped)
    if spec.expand is None:
        return "The task is in a mapped task group; such groups are not expanded in this release.", None
    lengths: dict[tuple[str, str], int | None] = {}
    sources = xcom_sources(spec.expand)
    if sources:
        rows = execute(
            "scheduler/sql/read_lengths.sql",
            using=using,
            dag_run=dag_run,
            task_ids=sorted({task_id for task_id, _ in sources}),
        )
        lengths = {(task_id, key): found for task_id, key, found in rows}
    count = length(spec.expand, lengths)
    if count is None:
        missing = ", ".join(sorted(f"{t}[{k}]" for t, k in sources if lengths.get((t, k)) is None))
        return f"Cannot map: {missing or 'an input'} gave no list or dict to map over.", None
    return None, count
