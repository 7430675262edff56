"""Which task instances a clear or a mark means: Airflow's selectors on our rows. Reads only.

The oracle is `SerializedDAG.clear`, `_get_task_instances`, `api/common/mark_tasks.py` and
`find_relevant_relatives` of Airflow 3.3.2.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable
from dataclasses import dataclass, field
from datetime import datetime
from uuid import UUID

import msgspec
from django.db.models import Q, QuerySet

from controlplane.ledger.models.dag import Dag
from controlplane.ledger.models.dag_run import DagRun
from controlplane.ledger.models.dag_version import DagVersion
from controlplane.ledger.models.task_instance import TaskInstance
from domain.subset import Relatives
from taskwire.dagspec import DagSpec

Marker = str | tuple[str, int]
"""A task, or one index of a mapped task."""

FAILED = ("failed", "upstream_failed")
_NOT_PERIODIC = {"once", "continuous", "asset", "partition_asset", "partition_runtime"}


class VersionUnknown(LookupError):
    """The DAG has no version that can be read."""


@dataclass(frozen=True, slots=True)
class Scope:
    """Instances of one DAG. `run_id` names one run; dates bound logical dates (a run without one is then left
    out). No `tasks` means all; `states` none means any."""

    dag_id: str
    run_id: str | None = None
    start_date: datetime | None = None
    end_date: datetime | None = None
    tasks: Collection[Marker] | None = None
    among: Collection[str] | None = None
    """Only of these tasks, whatever `tasks` says: the subset of a DAG."""
    states: tuple[str, ...] = ()
    but_tasks: Collection[str] = field(default_factory=tuple)
    but_runs: Collection[UUID] = field(default_factory=tuple)


def read_spec(version_id: UUID | None) -> DagSpec:
    """The spec of a version. Raises VersionUnknown."""
    raw = DagVersion.objects.filter(id=version_id).values_list("spec", flat=True).first()
    if raw is None:
        raise VersionUnknown("There is no such DAG version.")
    return msgspec.convert(raw, DagSpec)


def newest_spec(dag_id: str) -> DagSpec:
    """The spec of the DAG's newest version. Raises VersionUnknown."""
    return read_spec(Dag.objects.filter(dag_id=dag_id).values_list("current_version_id", flat=True).first())


def named(markers: Iterable[Marker]) -> Q:
    """Instances of these tasks and indexes."""
    plain = [one for one in markers if isinstance(one, str)]
    condition = Q(task_id__in=plain)
    indexes: dict[str, list[int]] = {}
    for one in markers:
        if not isinstance(one, str):
            indexes.setdefault(one[0], []).append(one[1])
    for task_id, wanted in indexes.items():
        condition |= Q(task_id=task_id, map_index__in=wanted)
    return condition


def instances(scope: Scope) -> QuerySet[TaskInstance]:
    """The instances of the scope."""
    rows = TaskInstance.objects.filter(dag_id=scope.dag_id)
    if scope.run_id is not None:
        rows = rows.filter(run_id=scope.run_id)
    if scope.start_date is not None:
        rows = rows.filter(dag_run__logical_date__gte=scope.start_date)
    if scope.end_date is not None:
        rows = rows.filter(dag_run__logical_date__lte=scope.end_date)
    if scope.tasks is not None:
        rows = rows.filter(named(scope.tasks))
    if scope.among is not None:
        rows = rows.filter(task_id__in=scope.among)
    if scope.states:
        rows = rows.filter(state__in=scope.states)
    if scope.but_tasks:
        rows = rows.exclude(task_id__in=scope.but_tasks)
    if scope.but_runs:
        rows = rows.exclude(dag_run_id__in=scope.but_runs)
    return rows


def ids_of(rows: QuerySet[TaskInstance]) -> list[tuple[UUID, UUID]]:
    """(instance, run), by run and then by place in it."""
    return list(rows.order_by("dag_run_id", "task_index", "map_index").values_list("id", "dag_run_id"))


def with_relatives(
    *, spec: DagSpec, markers: Iterable[Marker], run_id: str | None, upstream: bool, downstream: bool
) -> list[Marker]:
    """The tasks and indexes, and with each direction what is on that side of them.

    Of one run, an index of a mapped group brings the same index of its relatives in that group; over several
    runs, and outside of such groups, a relative comes with all its indexes.
    """
    relatives = Relatives(spec)
    plain = {one for one in markers if isinstance(one, str)}
    indexed = {one for one in markers if not isinstance(one, str)}
    if run_id is None:
        if upstream or downstream:
            names = plain | {task_id for task_id, _ in indexed}
            plain |= relatives.subset(names, downstream=downstream, upstream=upstream, originals=False)
    else:
        for wanted, down in ((upstream, False), (downstream, True)):
            if wanted:
                found = _relevant(relatives, plain, indexed, run_id, down)
                plain |= {one for one in found if isinstance(one, str)}
                indexed |= {one for one in found if not isinstance(one, str)}
    return [*sorted(plain), *sorted(one for one in indexed if one[0] not in plain)]


def _relevant(
    relatives: Relatives, plain: set[str], indexed: set[tuple[str, int]], run_id: str, down: bool
) -> set[Marker]:
    found: set[Marker] = set()
    lengths: dict[str, int] = {}

    def count(task_id: str) -> int:
        if task_id not in lengths:
            rows = TaskInstance.objects.filter(
                dag_id=relatives.spec.dag_id, run_id=run_id, task_id=task_id, map_index__gte=0
            )
            lengths[task_id] = rows.exclude(state="removed").count()
        return lengths[task_id]

    def of_plain(names: Iterable[str]) -> None:
        found.update(relatives.subset(names, downstream=down, upstream=not down, originals=False))

    of_plain(plain)
    pending, seen = list(indexed), set(indexed)
    while pending:
        task_id, index = pending.pop()
        if task_id not in relatives.tasks:
            continue
        task = relatives.tasks[task_id]
        if not task.is_mapped and not task.mapped_group_ids:
            of_plain([task_id])
            continue
        total = count(task_id)
        for other in relatives.below(task_id) if down else relatives.above(task_id):
            if other in found:
                continue
            group = relatives.mapped_group_of(task_id, other)
            if group is None or not total:
                found.add(other)
                of_plain([other])
                continue
            # The index of the group's own expansion, and what of the relative belongs to it.
            of_group = _group_length(relatives, group, count) or total
            place = index * of_group // total
            if relatives.is_further_mapped(other, group):
                each = max(count(other) // of_group, 1)
                places = range(place * each, place * each + each)
            else:
                places = range(place, place + 1)
            for one in ((other, number) for number in places):
                found.add(one)
                if one not in seen:
                    seen.add(one)
                    pending.append(one)
    return found


def _group_length(relatives: Relatives, group: str, count: object) -> int:
    """Into how many a mapped group was expanded: told by a task that is mapped by nothing inside of it."""
    for task_id, task in relatives.tasks.items():
        if group in task.mapped_group_ids and not relatives.is_further_mapped(task_id, group):
            outer = task.mapped_group_ids.index(group)
            if outer == 0:
                return int(count(task_id))  # type: ignore[operator]
    return 0


def runs_around(*, spec: DagSpec, run: DagRun, past: bool, future: bool) -> list[DagRun]:
    """The run, and with `past` and `future` the DAG's others before and after it by logical date."""
    if run.logical_date is None or not (past or future):
        return [run]
    timetable = spec.timetable
    if timetable.kind == "asset_or_time" and timetable.child is not None:
        timetable = timetable.child
    if timetable.can_be_scheduled and timetable.kind in _NOT_PERIODIC:
        return [run]
    rows = DagRun.objects.filter(dag_id=run.dag_id, logical_date__isnull=False)
    if not past:
        rows = rows.filter(logical_date__gte=run.logical_date)
    if not future:
        rows = rows.filter(logical_date__lte=run.logical_date)
    if timetable.can_be_scheduled:
        # Those of its schedule; a run that somebody asked for at another date stands on its own.
        rows = rows.filter(Q(run_type__in=("scheduled", "backfill")) | Q(id=run.id))
    return list(rows.order_by("id"))
