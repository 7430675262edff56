"""People say how task instances and runs ended.

Before: inside a tenant scope. After: attempts that ran are being stopped, what waits below goes on, what had
failed below begins anew, and the scheduler is told at commit. Called by `api/v2` and the portal.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from uuid import UUID

from django.db.models import Q

from controlplane.ledger import clearing
from controlplane.ledger.models.dag import Dag
from controlplane.ledger.models.dag_run import DagRun
from controlplane.ledger.models.task_instance import TaskInstance
from controlplane.ledger.transitions import add_items
from controlplane.runs.choose import FAILED, Marker, Scope, ids_of, instances, named, read_spec, runs_around
from controlplane.runs.clear import clear_chosen, dags_of
from controlplane.runs.tell_audit import record_instances, record_run
from domain.states import TERMINAL_TASK
from domain.subset import Relatives
from taskwire.dagspec import DagSpec

RUNNING = ("running", "deferred", "up_for_reschedule", "awaiting_input")
"""Begun and not over: these get the state that their run is given."""
_OVER = tuple(str(state) for state in TERMINAL_TASK)


def marked_by(
    *,
    spec: DagSpec,
    run: DagRun,
    tasks: Sequence[Marker],
    state: str,
    upstream: bool,
    downstream: bool,
    past: bool,
    future: bool,
) -> list[UUID]:
    """The instances that marking these would change: a dry run."""
    return [one for one, _ in _to_mark(spec, run, tasks, state, upstream, downstream, past, future)]


def mark_tasks(
    *,
    spec: DagSpec,
    run: DagRun,
    tasks: Sequence[Marker],
    state: str,
    by: str,
    now: datetime,
    upstream: bool = False,
    downstream: bool = False,
    past: bool = False,
    future: bool = False,
) -> list[UUID]:
    """These tasks (or indexes) of the run, and of its neighbours, end so. Returns the instances that changed.

    As in Airflow, what failed or could not run below the named tasks is cleared, whatever the new state is, and
    its run begins again.
    """
    clearing.exclude_rounds()
    found = _to_mark(spec, run, tasks, state, upstream, downstream, past, future)
    if found:
        held = clearing.hold_runs(runs=sorted({one for _, one in found}))
        ids = [one for one, _ in found]
        clearing.hold_tasks(ids=ids)
        record_instances(action="tasks.marked", ids=ids, after={"state": state})
        clearing.mark_tasks(ids=ids, state=state, reason=_reason(state, by), now=now)
        clearing.settle(runs=held, now=now)
    names = sorted({one if isinstance(one, str) else one[0] for one in tasks})
    again = ids_of(instances(_failed_below(spec, run, names, past, future)))
    clear_chosen(ids=[one for one, _ in again], runs=sorted({one for _, one in again}), by=by, now=now)
    return [one for one, _ in found]


def mark_run(*, run: DagRun, state: str, by: str, now: datetime) -> None:
    """The run is over, or is queued again. Teardowns of a run that ends come to their own end first."""
    clearing.exclude_rounds()
    held = clearing.hold_runs(runs=[run.id])
    record_run(
        action="run.marked",
        run=run,
        before={"state": held[0].state if held else None},
        after={"state": state},
    )
    wait = False
    if state != "queued":
        wait = _end_tasks(run, state, by, now)
    freed = [] if wait else clearing.mark_runs(runs=[run.id], state=state, now=now)
    clearing.settle(runs=held, start=dags_of(held) if state == "queued" else freed, now=now)
    due = Dag.objects.filter(id__in=freed, is_paused=False, is_stale=False, next_run_after__lte=now)
    add_items(items=[("plan", dag, now) for dag in due.values_list("id", flat=True)])


def _end_tasks(run: DagRun, state: str, by: str, now: datetime) -> bool:
    """What runs gets the run's state, what has not begun is skipped. Returns whether teardowns are left."""
    spec = read_spec(run.dag_version_id)
    teardowns = {task.task_id for task in spec.tasks if task.is_teardown}
    rows = TaskInstance.objects.filter(dag_run_id=run.id, task_id__in=[task.task_id for task in spec.tasks])
    waiting = rows.filter(Q(state__isnull=True) | ~Q(state__in=[*_OVER, *RUNNING]))
    begun = rows.filter(state__in=RUNNING)
    wait = (waiting | begun).filter(task_id__in=teardowns).exists()
    running = set(begun.exclude(task_id__in=teardowns).values_list("task_id", flat=True))
    # As in Airflow, every index of a task of which one ran, also those that were over.
    ended = list(rows.filter(task_id__in=running).values_list("id", flat=True))
    skipped = list(waiting.exclude(task_id__in=teardowns | running).values_list("id", flat=True))
    clearing.hold_tasks(ids=[*ended, *skipped])
    clearing.mark_tasks(ids=ended, state=state, reason=_reason(state, by), now=now)
    clearing.mark_tasks(ids=skipped, state="skipped", reason=_reason(state, by), now=now)
    return wait


def _to_mark(
    spec: DagSpec,
    run: DagRun,
    tasks: Sequence[Marker],
    state: str,
    upstream: bool,
    downstream: bool,
    past: bool,
    future: bool,
) -> list[tuple[UUID, UUID]]:
    relatives = Relatives(spec)
    wanted: set[Marker] = set(tasks)
    for one in tasks:
        task_id = one if isinstance(one, str) else one[0]
        if downstream:
            below = relatives.below(task_id)
            wanted |= {other for other in below if not relatives.tasks[other].is_teardown}
        if upstream:
            wanted |= relatives.above(task_id)
    runs = [one.id for one in runs_around(spec=spec, run=run, past=past, future=future)]
    rows = TaskInstance.objects.filter(named(wanted), dag_id=run.dag_id, dag_run_id__in=runs)
    return ids_of(rows.filter(Q(state__isnull=True) | ~Q(state=state)))


def _failed_below(spec: DagSpec, run: DagRun, names: Sequence[str], past: bool, future: bool) -> Scope:
    """What failed below the named tasks, in the runs that were meant."""
    bounds: dict[str, object] = {}
    if not past and not future:
        bounds["run_id"] = run.run_id
    elif past != future:
        # Runs of the same logical date count by the order in which they were made.
        same = DagRun.objects.filter(dag_id=run.dag_id, logical_date=run.logical_date)
        bounds["start_date" if future else "end_date"] = run.logical_date
        if run.logical_date is not None:
            beyond = same.filter(id__gt=run.id) if future else same.filter(id__lt=run.id)
            bounds["but_runs"] = tuple(beyond.values_list("id", flat=True))
    return Scope(
        dag_id=run.dag_id,
        among=Relatives(spec).subset(names, downstream=True),
        states=FAILED,
        but_tasks=tuple(names),
        **bounds,  # type: ignore[arg-type]
    )


def _reason(state: str, by: str) -> str:
    return f"marked {state} by {by}"
