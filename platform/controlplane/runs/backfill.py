"""A person asks for runs of the past: looked at first, then made, paused, resumed, bounded anew, cancelled.

Before: inside a tenant scope. After: every run of the backfill exists, queued; the scheduler begins them in its
order (`start_runs.sql`), each end begins the next, and the last one completes the backfill. Their tasks come
after everybody else's and hold no more than the tenant's share for backfills (`scheduler.admit`). Called by
`api/v2` and the portal. The rules are `domain.backfills`.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

import msgspec
from django.db import IntegrityError, transaction
from django.db.models import Avg, F

from controlplane.foundation.db import notify
from controlplane.ledger import clearing
from controlplane.ledger.backfilling import cancel_runs, take_over_runs
from controlplane.ledger.models.backfill import Backfill
from controlplane.ledger.models.backfill_dag_run import BackfillDagRun
from controlplane.ledger.models.dag import Dag
from controlplane.ledger.models.dag_run import DagRun
from controlplane.ledger.models.dag_version import DagVersion
from controlplane.ledger.models.task_instance import TaskInstance
from controlplane.ledger.serials import next_serial
from controlplane.ledger.transitions import NewRun, add_items
from controlplane.runs.clear import clear_chosen
from controlplane.runs.create import make_runs
from controlplane.runs.params import check_params
from controlplane.runs.past_runs import forget, runs_told
from controlplane.runs.trigger import DagUnknown
from domain.backfills import (
    IN_FLIGHT,
    BackfillInvalid,
    Existing,
    Step,
    check_kind,
    check_range,
    check_run_type,
    in_order,
    instants,
    key_of,
    predicted_seconds,
    steps,
)
from domain.ids import random_suffix, run_id_for
from domain.params import ParamsInvalid
from domain.timetables.instants import NextRun
from domain.timetables.schedule import Schedule
from tenants.audit.difference import held, record_difference
from tenants.scope import current_tenant

CHUNK = 500
"""Runs that one statement makes."""
HISTORY = 20
"""Newest successful runs whose average predicts how long one takes."""


class BackfillUnknown(LookupError):
    """The tenant has no backfill of this number."""


class BackfillRunning(ValueError):
    """The DAG has a backfill that is not completed; there is one at a time."""


class BackfillCompleted(ValueError):
    """The backfill is over: nothing about it can be changed."""


class NoRunsToCreate(ValueError):
    """The timetable has no instant in the range."""


@dataclass(frozen=True, slots=True)
class Asked:
    """What somebody wants to have run. `conf` None: the runs have none. `latest`: on the newest version."""

    dag_id: str
    from_date: datetime
    to_date: datetime
    backwards: bool = False
    reprocess: str = "none"
    max_active_runs: int = 10
    conf: dict[str, Any] | None = None
    latest: bool = True


@dataclass(frozen=True, slots=True)
class Preview:
    """What a backfill would do: the instants that get a run, and how long all of them take, as far as known."""

    runs: list[NextRun]
    average_seconds: float | None
    predicted_seconds: float | None


def preview_backfill(*, asked: Asked, now: datetime) -> Preview:
    """No run is made. Raises DagUnknown, BackfillInvalid, RunTypeNotAllowed; IntervalsAwaited, to be committed, when
    the tenant's own Timetable must be asked first."""
    dag, schedule = _dag(asked.dag_id)
    check_kind(dag_id=dag.dag_id, schedule=schedule)
    check_run_type(dag_id=dag.dag_id, schedule=schedule)
    _check(asked, dag, now)
    runs = [step.run for step in _steps(asked, dag, schedule, now) if step.reason is None]
    average = average_seconds(dag_id=dag.dag_id)
    total = predicted_seconds(runs=len(runs), max_active_runs=asked.max_active_runs, average_seconds=average)
    return Preview(runs, average, total)


def create_backfill(*, asked: Asked, user: str | None, now: datetime) -> Backfill:
    """All of it in this transaction. Raises DagUnknown, BackfillInvalid, RunTypeNotAllowed, BackfillRunning,
    NoRunsToCreate; IntervalsAwaited as `preview_backfill`."""
    clearing.exclude_rounds()
    dag, schedule = _dag(asked.dag_id)
    check_run_type(dag_id=dag.dag_id, schedule=schedule)
    check_kind(dag_id=dag.dag_id, schedule=schedule)
    if Backfill.objects.filter(dag_id=dag.dag_id, completed_at__isnull=True).exists():
        raise BackfillRunning(f"There is already a running backfill for dag {dag.dag_id}")
    _check(asked, dag, now)
    todo = _steps(asked, dag, schedule, now)
    if not todo:
        raise NoRunsToCreate(
            f"No runs to create for Dag {dag.dag_id} in the range [{asked.from_date}, {asked.to_date}]"
        )
    backfill = _insert(asked, dag, user, now)
    made = _create(backfill, dag, asked, [s for s in todo if s.reason is None and s.again is None], user, now)
    again = [step for step in todo if step.again is not None]
    _run_again(backfill, asked, again, user, now)
    rows = {step.ordinal: step.again for step in again} | made
    BackfillDagRun.objects.bulk_create(
        [
            BackfillDagRun(
                tenant_id=backfill.tenant_id,
                backfill_id=backfill.id,
                dag_run_id=rows.get(step.ordinal),
                # None made it: somebody else did at this moment.
                exception_reason=None if step.ordinal in rows else step.reason or IN_FLIGHT,
                logical_date=step.run.logical_date,
                partition_key=step.run.partition_key,
                sort_ordinal=step.ordinal,
            )
            for step in todo
        ],
        batch_size=CHUNK,
    )
    if schedule.timetable.kind == "custom":
        forget(dag=dag.id)
    _wake(dag.dag_id, now)
    return backfill


def pause_backfill(*, serial: int, is_paused: bool, now: datetime) -> Backfill:
    """No further run begins, or they begin again. Raises BackfillUnknown, BackfillCompleted."""
    row = _open(serial)
    if row.is_paused != is_paused:
        before = held(row)
        row.is_paused, row.updated_at = is_paused, now
        _record("backfill.paused" if is_paused else "backfill.resumed", row, before, held(row))
        row.save(update_fields=["is_paused", "updated_at"])
    if not is_paused:
        _wake(row.dag_id, now)
    return row


def bound_backfill(*, serial: int, max_active_runs: int, now: datetime) -> Backfill:
    """Another bound, while it runs: more begin at once, or fewer after those that run. Raises as above."""
    row = _open(serial)
    before = held(row)
    row.max_active_runs, row.updated_at = max_active_runs, now
    _record("backfill.bounded", row, before, held(row))
    row.save(update_fields=["max_active_runs", "updated_at"])
    _wake(row.dag_id, now)
    return row


def cancel_backfill(*, serial: int, now: datetime) -> Backfill:
    """Queued runs fail, as in Airflow; those that run go on. Raises BackfillUnknown, BackfillCompleted."""
    clearing.exclude_rounds()
    row = _open(serial)
    queued = list(
        DagRun.objects.filter(dag_id=row.dag_id, backfill_id=row.id, state="queued").values_list(
            "id", flat=True
        )
    )
    runs = clearing.hold_runs(runs=queued)
    cancel_runs(runs=[run.id for run in runs], now=now)
    before = held(row)
    row.is_paused, row.updated_at, row.completed_at = True, now, now
    _record("backfill.cancelled", row, before, held(row))
    row.save(update_fields=["is_paused", "updated_at", "completed_at"])
    _wake(row.dag_id, now)
    return row


def _record(action: str, row: Backfill, before: dict[str, Any] | None, after: dict[str, Any] | None) -> None:
    record_difference(
        action=action,
        target=f"backfill:{row.dag_id}/{row.serial}",
        table=Backfill,
        before=before,
        after=after,
    )


def reruns_on_latest(*, dag_id: str, wanted: bool | None) -> bool:
    """Whether runs that exist are run again on the newest version: as asked, as the DAG says, else yes."""
    if wanted is not None:
        return wanted
    newest = Dag.objects.filter(dag_id=dag_id).values_list("current_version_id", flat=True).first()
    said = DagVersion.objects.filter(id=newest).values_list("spec__rerun_with_latest_version", flat=True)
    told = said.first()
    return True if told is None else bool(told)


def average_seconds(*, dag_id: str) -> float | None:
    """How long the newest successful runs took on average; None without any."""
    newest = DagRun.objects.filter(
        dag_id=dag_id, state="success", start_date__isnull=False, end_date__isnull=False
    ).order_by("-run_after", "-id")[:HISTORY]
    rows = DagRun.objects.filter(id__in=newest.values("id"))
    found = rows.aggregate(seconds=Avg(F("end_date") - F("start_date")))["seconds"]
    return found.total_seconds() if isinstance(found, timedelta) else None


def _dag(dag_id: str) -> tuple[Dag, Schedule]:
    dag = Dag.objects.select_related("bundle_version__runtime").filter(dag_id=dag_id).first()
    if dag is None or dag.schedule is None or dag.current_version_id is None or dag.bundle_version is None:
        raise DagUnknown(f"Could not find dag {dag_id}")
    return dag, msgspec.convert(dag.schedule, Schedule)


def _check(asked: Asked, dag: Dag, now: datetime) -> None:
    if asked.conf is not None:
        params = DagVersion.objects.filter(id=dag.current_version_id).values_list("spec__params", flat=True)
        try:
            check_params(params.first() or {}, asked.conf)
        except ParamsInvalid as error:
            raise BackfillInvalid(str(error)) from error
    depends = DagVersion.objects.filter(
        id=dag.current_version_id, spec__tasks__contains=[{"depends_on_past": True}]
    ).exists()
    check_range(
        from_date=asked.from_date,
        to_date=asked.to_date,
        backwards=asked.backwards,
        reprocess=asked.reprocess,
        depends_on_past=depends,
        now=now,
    )


def _instants(asked: Asked, dag: Dag, schedule: Schedule, now: datetime) -> list[NextRun]:
    if schedule.timetable.kind != "custom":
        return instants(
            schedule=schedule,
            from_date=asked.from_date,
            to_date=asked.to_date,
            backwards=asked.backwards,
            now=now,
        )
    told = runs_told(dag=dag, start=asked.from_date, end=asked.to_date, now=now)
    return in_order(told, asked.backwards)


def _steps(asked: Asked, dag: Dag, schedule: Schedule, now: datetime) -> list[Step]:
    runs = _instants(asked, dag, schedule, now)
    column = "partition_date" if schedule.is_partitioned else "logical_date"
    rows = (
        DagRun.objects.filter(dag_id=asked.dag_id, **{f"{column}__in": [key_of(run) for run in runs]})
        .order_by(F("start_date").desc(nulls_last=True))
        .values_list(column, "id", "state")
    )
    existing: dict[datetime, Existing] = {}
    for key, row, state in rows:
        existing.setdefault(key, Existing(row, state))
    return steps(runs=runs, existing=existing, reprocess=asked.reprocess, partitioned=schedule.is_partitioned)


def _insert(asked: Asked, dag: Dag, user: str | None, now: datetime) -> Backfill:
    row = Backfill(
        tenant_id=dag.tenant_id,
        serial=next_serial("backfill"),
        dag_id=dag.dag_id,
        from_date=asked.from_date,
        to_date=asked.to_date,
        dag_run_conf=asked.conf,
        is_paused=False,
        reprocess_behavior=asked.reprocess,
        run_backwards=asked.backwards,
        run_on_latest_version=asked.latest,
        max_active_runs=asked.max_active_runs,
        created_at=now,
        updated_at=now,
        triggering_user_name=user,
    )
    try:
        with transaction.atomic():
            row.save(force_insert=True)
    except IntegrityError as error:
        raise BackfillRunning(f"There is already a running backfill for dag {dag.dag_id}") from error
    _record("backfill.created", row, None, held(row))
    return row


def _create(
    backfill: Backfill, dag: Dag, asked: Asked, todo: Sequence[Step], user: str | None, now: datetime
) -> dict[int, UUID]:
    """ordinal -> row id of the runs that were made, on the newest version."""
    assert dag.current_version_id is not None
    assert dag.bundle_version is not None
    runtime = dag.bundle_version.runtime
    made: dict[int, UUID] = {}
    for begin in range(0, len(todo), CHUNK):
        names: dict[tuple[str, str], int] = {}
        runs = []
        for step in todo[begin : begin + CHUNK]:
            run = NewRun(
                dag_id=dag.dag_id,
                run_id=_run_id(step.run),
                run_type="backfill",
                logical_date=step.run.logical_date,
                interval_start=step.run.interval.start if step.run.interval else None,
                interval_end=step.run.interval.end if step.run.interval else None,
                run_after=step.run.run_after,
                conf=asked.conf,
                triggered_by="backfill",
                user=user,
                note=None,
                partition_key=step.run.partition_key,
                partition_date=step.run.partition_date,
                dag_version=dag.current_version_id,
                bundle_version=dag.bundle_version.id,
                runtime_digest=runtime.digest if runtime else "",
                backfill=backfill.id,
                backfill_ordinal=step.ordinal,
            )
            names[run.dag_id, run.run_id] = step.ordinal
            runs.append(run)
        made |= {names[name]: row for name, row in make_runs(runs=runs, now=now).items()}
    return made


def _run_id(run: NextRun) -> str:
    """A partition's run is named after its key too, and never the same twice (`CronPartitionTimetable`)."""
    name = run_id_for(run_type="backfill", run_after=run.run_after, logical_date=run.logical_date)
    if run.partition_key is None:
        return name
    return f"{name}__{run.partition_key}__{random_suffix()}"[:250]


def _run_again(
    backfill: Backfill, asked: Asked, again: Sequence[Step], user: str | None, now: datetime
) -> None:
    """Runs that exist begin anew as runs of this backfill."""
    ids = [step.again for step in again if isinstance(step.again, UUID)]
    if not ids:
        return
    for begin in range(0, len(ids), CHUNK):
        part = ids[begin : begin + CHUNK]
        tasks = list(TaskInstance.objects.filter(dag_run_id__in=part).values_list("id", flat=True))
        clear_chosen(ids=tasks, runs=part, by=user or "a backfill", now=now, latest=asked.latest)
    ordinals = [step.ordinal for step in again]
    take_over_runs(backfill=backfill.id, runs=list(zip(ids, ordinals, strict=True)), conf=asked.conf)


def _open(serial: int) -> Backfill:
    row = Backfill.objects.select_for_update().filter(serial=serial).first()
    if row is None:
        raise BackfillUnknown("Backfill not found")
    if row.completed_at is not None:
        raise BackfillCompleted("Backfill is already completed.")
    return row


def _wake(dag_id: str, now: datetime) -> None:
    """The scheduler begins what may begin, and completes what is over."""
    rows = Dag.objects.filter(dag_id=dag_id).values_list("id", flat=True)
    add_items(items=[("start_runs", row, now) for row in rows])
    notify("work", str(current_tenant()))
