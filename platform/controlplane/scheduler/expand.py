"""Mapped task instances whose upstream lets them run become as many instances as their input is long.

Called when the trigger rule of an instance that is not expanded says that it may run, as Airflow does it: its input
must be known by then, or it has failed. What the DAG file tells the length of was expanded when the run was created.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from math import prod
from typing import Any
from uuid import UUID

import msgspec

from controlplane.foundation.db import execute
from controlplane.ledger.weighing import (
    Ending,
    Expansion,
    end_unexpanded,
    expand_tasks,
    revise_tasks,
)
from domain.mapping import ExpandInputInvalid, length, xcom_sources
from domain.readings import MOST_INSTANCES
from taskwire.dagspec import ExpandInput, Struct


class _Task(Struct, kw_only=True):
    """Of a task's spec only what expansion needs."""

    task_id: str
    is_mapped: bool = False
    expand: ExpandInput | None = None
    mapped_group_ids: list[str] = []


class _Group(Struct, kw_only=True):
    group_id: str
    expand: ExpandInput | None = None


@dataclass(frozen=True, slots=True)
class Expanded:
    """`ended` instead (empty input, nothing to map over, removed); `fresh` have no state yet; `grown` are instances
    whose tasks have other instances now, so that who reads them must look again."""

    ended: list[UUID] = field(default_factory=list)
    fresh: list[UUID] = field(default_factory=list)
    grown: list[UUID] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class _Input:
    """One instance and the inputs it is made of, outermost mapped group first; a problem when they make no sense."""

    id: UUID
    dag_run: UUID
    version: UUID
    in_group: bool = False
    inputs: list[ExpandInput | None] = field(default_factory=list)
    problem: str | None = None

    @property
    def sources(self) -> set[str]:
        return {name for each in self.inputs if each is not None for name in xcom_sources(each)}


def expand(*, ids: Sequence[UUID], now: datetime, using: str) -> Expanded:
    """Expand each, or end it: skipped when its input is empty, upstream_failed when there is nothing to map over."""
    endings, expansions = [], []
    for one, lengths, problem in _measured(ids, using):
        count = None if lengths is None else prod(lengths)
        if count is None:
            endings.append(Ending(one.id, "upstream_failed", f"Cannot map: {problem}."))
        elif count == 0:
            endings.append(Ending(one.id, "skipped", "Skipped: the input to map over is empty."))
        elif count > MOST_INSTANCES:
            why = f"Cannot map: the input has {count} elements; at most {MOST_INSTANCES} are possible."
            endings.append(Ending(one.id, "failed", why))
        else:
            nested = lengths if lengths is not None and len(lengths) > 1 else None
            expansions.append(Expansion(one.id, count, nested, one.in_group))
    out = Expanded()
    if endings:
        out.ended.extend(end_unexpanded(endings=endings, now=now, using=using))
    if expansions:
        _sort(out, expand_tasks(expansions=expansions, now=now, using=using))
        out.grown.extend(each.id for each in expansions if each.again)
    return out


def revise(*, ids: Sequence[UUID], now: datetime, using: str) -> Expanded:
    """Instances of an earlier expansion may run again: remove the indexes that are gone, make those that are new."""
    lengths = [(one.id, None if found is None else prod(found)) for one, found, _ in _measured(ids, using)]
    out = Expanded()
    _sort(out, revise_tasks(lengths=lengths, now=now, using=using))
    out.grown.extend(out.ended + out.fresh)
    return out


def _sort(out: Expanded, rows: Sequence[tuple[UUID, str | None]]) -> None:
    for row_id, state in rows:
        if state is None:
            out.fresh.append(row_id)
        elif state != "scheduled":
            out.ended.append(row_id)


def _measured(ids: Sequence[UUID], using: str) -> list[tuple[_Input, list[int] | None, str | None]]:
    """Each instance with the lengths of its inputs, or None and what is missing."""
    rows = execute("scheduler/sql/read_mapped.sql", using=using, ids=list(ids))
    inputs = [_input(*row) for row in rows]
    wanted = sorted({(one.dag_run, one.version, name) for one in inputs for name in one.sources})
    known: dict[tuple[UUID, str], int | None] = {}
    if wanted:
        found = execute(
            "scheduler/sql/read_lengths.sql",
            using=using,
            runs=[w[0] for w in wanted],
            versions=[w[1] for w in wanted],
            task_ids=[w[2] for w in wanted],
        )
        known = {(run, task_id): size for run, task_id, size in found}
    return [(one, *_lengths(one, known)) for one in inputs]


def _input(
    row_id: UUID,
    dag_run: UUID,
    version: UUID,
    _index: int,
    task: dict[str, Any],
    groups: list[dict[str, Any]] | None,
) -> _Input:
    try:
        spec = msgspec.convert(task, _Task)
        around = {each.group_id: each.expand for each in msgspec.convert(groups or [], list[_Group])}
    except msgspec.ValidationError as error:
        # One task that says nonsense must not stop its tenant's scheduler.
        return _Input(row_id, dag_run, version, problem=str(error))
    inputs = [around.get(group_id) for group_id in spec.mapped_group_ids]
    if spec.is_mapped:
        inputs.append(spec.expand)
    return _Input(row_id, dag_run, version, bool(spec.mapped_group_ids), inputs)


def _lengths(
    one: _Input, known: Mapping[tuple[UUID, str], int | None]
) -> tuple[list[int] | None, str | None]:
    if one.problem is not None:
        return None, one.problem
    mine = {name: known.get((one.dag_run, name)) for name in one.sources}
    lengths: list[int] = []
    for each in one.inputs:
        try:
            size = 0 if each is None else length(each, mine)
        except ExpandInputInvalid as error:
            return None, str(error)
        if size is None:
            missing = ", ".join(sorted(name for name, found in mine.items() if found is None))
            return None, f"{missing or 'an input'} returned no list or dict to map over"
        lengths.append(size)
    return lengths, None
