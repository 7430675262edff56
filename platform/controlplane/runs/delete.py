"""Runs, task instances and whole DAGs are forgotten.

Before: inside a tenant scope. Called by `api/v2` and the portal.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from uuid import UUID

from controlplane.foundation.db import notify
from controlplane.ledger import clearing
from controlplane.ledger.models.backfill import Backfill
from controlplane.ledger.models.dag import Dag
from controlplane.ledger.models.dag_run import DagRun
from controlplane.ledger.models.file_parse import FileParse
from controlplane.ledger.models.import_error import ImportError as DagImportError
from controlplane.ledger.models.task_instance import TaskInstance
from controlplane.ledger.models.work_item import WorkItem
from controlplane.runs.tell_audit import record_instances, record_run, told_of
from controlplane.runs.trigger import DagUnknown
from tenants.audit.record import record_change
from tenants.scope import current_tenant


class RunBusy(ValueError):
    """The run is running. `args[0]` is its state."""


class DagBusy(ValueError):
    """Task instances of the DAG are running."""


def delete_run(*, run: DagRun) -> None:
    """A run that is not running, and all of it. Raises RunBusy."""
    clearing.exclude_rounds()
    held = clearing.hold_runs(runs=[run.id])
    if held and held[0].state == "running":
        raise RunBusy(held[0].state)
    record_run(action="run.deleted", run=run, before=told_of(run))
    clearing.delete_runs(runs=[one.id for one in held])


def delete_tasks(*, ids: Sequence[UUID], now: datetime) -> None:
    """Task instances; what waited for them goes on without."""
    clearing.exclude_rounds()
    runs = TaskInstance.objects.filter(id__in=ids).values_list("dag_run_id", flat=True).distinct()
    held = clearing.hold_runs(runs=sorted(runs))
    clearing.hold_tasks(ids=ids)
    record_instances(action="tasks.deleted", ids=ids, after=None)
    clearing.delete_tasks(ids=ids)
    clearing.settle(runs=held, now=now)


def delete_dag(*, dag_id: str) -> None:
    """The DAG with its runs and versions; the event log stays. It comes back when its file is pushed again.

    Raises DagUnknown, DagBusy.
    """
    clearing.exclude_rounds()
    if TaskInstance.objects.filter(dag_id=dag_id, state="running").exists():
        raise DagBusy(f"Task instances of {dag_id!r} are running.")
    dag = Dag.objects.filter(dag_id=dag_id).first()
    if dag is None:
        raise DagUnknown(f"There is no DAG {dag_id!r}.")
    runs = DagRun.objects.filter(dag_id=dag_id).order_by("id").values_list("id", flat=True)
    held = clearing.hold_runs(runs=list(runs))
    before = {"runs": len(held), "file": dag.relative_fileloc, "is_paused": dag.is_paused}
    record_change(action="dag.deleted", target=f"dag:{dag_id}", before=before)
    clearing.delete_runs(runs=[one.id for one in held])
    Backfill.objects.filter(dag_id=dag_id).delete()
    # Its file is read anew with the next push, although it is the same.
    FileParse.objects.filter(dag_hashes__has_key=dag_id).delete()
    DagImportError.objects.filter(filename=dag.relative_fileloc).delete()
    WorkItem.objects.filter(ref=dag.id).delete()
    Dag.objects.filter(id=dag.id)._raw_delete("default")
    notify("work", str(current_tenant()))
