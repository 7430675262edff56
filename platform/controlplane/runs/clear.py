"""Task instances begin anew: some, those of a run, of many runs.

Before: inside a tenant scope. After: what ran is being stopped, everything else waits, runs that were over are
queued again, and the scheduler is told at commit. Called by `api/v2`, `api/execution` and the portal.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from uuid import UUID

from controlplane.ledger import clearing
from controlplane.ledger.models.dag import Dag
from controlplane.ledger.models.dag_run import DagRun
from controlplane.ledger.models.dag_version import DagVersion
from controlplane.ledger.models.task_instance import TaskInstance
from controlplane.runs.choose import Scope, ids_of, instances, newest_spec, read_spec
from controlplane.runs.newest import move_to_newest
from controlplane.runs.tell_audit import record_instances, record_run


class TaskRunning(ValueError):
    """A task instance that was to be cleared is running, and whoever asked wants it left alone then."""


def find_run(*, dag_id: str, run_id: str) -> DagRun | None:
    """The run, None when the tenant has none of that name."""
    return DagRun.objects.filter(dag_id=dag_id, run_id=run_id).first()


def rerun_with_latest(*, dag_id: str, wanted: bool | None) -> bool:
    """Whether a clear means the newest version: as asked, else as the DAG says, else not."""
    if wanted is not None:
        return wanted
    newest = Dag.objects.filter(dag_id=dag_id).values_list("current_version_id", flat=True).first()
    said = DagVersion.objects.filter(id=newest).values_list("spec__rerun_with_latest_version", flat=True)
    return bool(said.first())


def clear_scope(
    *,
    scope: Scope,
    by: str,
    now: datetime,
    requeue: bool = True,
    latest: bool = False,
    spare_running: bool = False,
) -> list[UUID]:
    """Clear the instances of the scope; returns their ids. Raises TaskRunning with `spare_running`."""
    clearing.exclude_rounds()
    found = ids_of(instances(scope))
    ids = [one for one, _ in found]
    clear_chosen(
        ids=ids,
        runs=sorted({run for _, run in found}),
        by=by,
        now=now,
        requeue=requeue,
        latest=latest,
        spare_running=spare_running,
    )
    return ids


def clear_chosen(
    *,
    ids: Sequence[UUID],
    runs: Sequence[UUID],
    by: str,
    now: datetime,
    requeue: bool = True,
    latest: bool = False,
    spare_running: bool = False,
) -> None:
    """Clear these instances of these runs. Rounds are excluded already."""
    if not ids:
        return
    held = clearing.hold_runs(runs=runs)
    clearing.hold_tasks(ids=ids)
    gone = move_to_newest(runs=held) if latest else []
    if spare_running and TaskInstance.objects.filter(id__in=ids, state="running").exists():
        raise TaskRunning("A task instance that was to be cleared is running.")
    record_instances(action="tasks.cleared", ids=ids, after={"requeued": requeue, "newest_version": latest})
    clearing.clear_tasks(ids=ids, reason=f"cleared by {by}", now=now)
    _remove(gone, now)
    if requeue:
        clearing.requeue_runs(runs=[run.id for run in held], now=now)
    clearing.settle(runs=held, start=dags_of(held) if requeue else (), now=now)


def clear_run(
    *, run: DagRun, by: str, now: datetime, only_failed: bool = False, latest: bool = False
) -> list[UUID]:
    """All of one run, or what failed of it."""
    states = ("failed", "upstream_failed") if only_failed else ()
    scope = Scope(dag_id=run.dag_id, run_id=run.run_id, states=states)
    return clear_scope(scope=scope, by=by, now=now, latest=latest)


def clear_new_tasks(*, run: DagRun, by: str, now: datetime) -> None:
    """The run goes on with the newest version, of which it runs only the tasks that it did not have."""
    clearing.exclude_rounds()
    had = {task.task_id for task in read_spec(run.dag_version_id).tasks}
    if not {task.task_id for task in newest_spec(run.dag_id).tasks} - had:
        return
    held = clearing.hold_runs(runs=[run.id])
    record_run(action="run.moved_to_newest", run=run, before={"state": run.state})
    gone = move_to_newest(runs=held)
    _remove(gone, now)
    clearing.requeue_runs(runs=[run.id], now=now)
    clearing.settle(runs=held, start=dags_of(held), now=now)


def _remove(gone: Sequence[UUID], now: datetime) -> None:
    reason = "its task is not in the newest version of the DAG"
    clearing.mark_tasks(ids=gone, state="removed", reason=reason, now=now)


def dags_of(runs: Sequence[clearing.HeldRun]) -> list[UUID]:
    """The rows of the DAGs of these runs."""
    names = {run.dag_id for run in runs}
    return list(Dag.objects.filter(dag_id__in=names).order_by("id").values_list("id", flat=True))
