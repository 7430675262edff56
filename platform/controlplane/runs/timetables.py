"""Orders to, and answers from, the tenant's runtime about its own Timetable classes.

Called by the gateway when an agent claims work of kind `timetable` and reports on it, and by rescue when its
agents were lost too often. What an agent tells is checked before it is believed (`runs.forecast`).
"""

from __future__ import annotations

from datetime import datetime
from typing import Any
from uuid import UUID

import msgspec

from controlplane.foundation.db import execute, notify
from controlplane.ledger.backfilling import cancel_runs
from controlplane.ledger.models.dag import Dag
from controlplane.ledger.models.dag_run import DagRun
from controlplane.ledger.models.import_error import ImportError as FileError
from controlplane.ledger.models.timetable_forecast import TimetableForecast
from controlplane.ledger.serials import next_serial
from controlplane.ledger.transitions import add_items
from controlplane.runs import past_runs
from controlplane.runs.forecast import ask_runtime, instant_told, store_forecast
from controlplane.runs.plan import plan_next, read_plans
from domain.timetables.instants import Interval
from taskwire.parsing import ImportFailure
from taskwire.timetabling import ManualRun, RunInfo, Span, TimetableOrder, TimetableReport
from taskwire.workload import BundleRef, Workload
from tenants.scope import current_tenant

KIND = "timetable"
MOST_MANUAL = 100
"""Runs by hand whose intervals one order asks for."""


def timetable_workload(
    *, ref: UUID, epoch: int, tenant_id: UUID, slug: str, using: str = "default"
) -> Workload | None:
    """The order to ask the DAG's timetable, as things are now; None when nothing is left to ask."""
    dag = (
        Dag.objects.using(using)
        .select_related("bundle_version__runtime")
        .filter(id=ref, is_stale=False)
        .first()
    )
    row = TimetableForecast.objects.using(using).filter(dag_id=ref, epoch=epoch).first()
    plans = read_plans(dags=[ref], using=using, paused=True)
    if dag is None or row is None or not plans or dag.bundle_version is None:
        return None
    bundle, schedule, last = dag.bundle_version, plans[0].schedule, plans[0].last
    if bundle.runtime is None:
        return None
    row.after = None if last is None else last.end
    row.save(using=using, update_fields=["after"])
    waiting = DagRun.objects.using(using).filter(dag_id=dag.dag_id, awaits_interval=True).order_by("id")
    return Workload(
        id=str(ref),
        tenant_id=str(tenant_id),
        tenant=slug,
        epoch=epoch,
        kind=KIND,
        runtime_digest=bundle.runtime.digest,
        bundle=BundleRef(digest=bundle.digest, version=bundle.commit_sha or bundle.digest),
        timetable=TimetableOrder(
            bundle_digest=bundle.digest,
            runtime_digest=bundle.runtime.digest,
            path=dag.relative_fileloc,
            dag_id=dag.dag_id,
            last=_info(last),
            earliest=schedule.earliest,
            latest=schedule.latest,
            catchup=schedule.catchup,
            manual=[
                ManualRun(run=str(row_id), run_after=(logical or after).isoformat())
                for row_id, logical, after in waiting.values_list("id", "logical_date", "run_after")[
                    :MOST_MANUAL
                ]
            ],
            past=past_runs.pending(row=row, content_hash=plans[0].content_hash),
        ),
    )


def timetable_told(
    *, ref: UUID, epoch: int, body: dict[str, Any], now: datetime, using: str = "default"
) -> None:
    """Keep the answer, give intervals to runs by hand, and plan the DAG. An older answer changes nothing.

    Raises `ValueError` when the answer cannot be read.
    """
    try:
        report = msgspec.convert(body, TimetableReport)
    except msgspec.ValidationError as error:
        raise ValueError(f"the timetable's answer cannot be read: {error}") from error
    _answer(ref, epoch, report, now, using)
    execute("ledger/sql/drop_workload.sql", using=using, kind=KIND, ref=ref, epoch=epoch)


def timetable_lost(*, ref: UUID, reason: str, now: datetime, using: str = "default") -> None:
    """Nobody could ask: told as the timetable's problem, and asked again later."""
    row = TimetableForecast.objects.using(using).filter(dag_id=ref, answered_at__isnull=True).first()
    dag = Dag.objects.using(using).filter(id=ref).first()
    if row is None or dag is None:
        return
    message = f"The timetable could not be asked: {reason}."
    failure = ImportFailure(path=dag.relative_fileloc, message=message, stacktrace=message, kind=KIND)
    _answer(ref, row.epoch, TimetableReport(dag_id=dag.dag_id, failure=failure), now, using)


def _answer(ref: UUID, epoch: int, report: TimetableReport, now: datetime, using: str) -> None:
    execute("runs/sql/lock_dags.sql", using=using, dags=[ref])
    dag = Dag.objects.using(using).filter(id=ref).first()
    if dag is None:
        return
    _tell_manual(dag, report, now, using)
    row = store_forecast(dag=ref, epoch=epoch, report=report, now=now, using=using)
    if row is None:
        return
    _tell_author(dag, row, report.failure, now, using)
    plan_next(dags=[ref], now=now, using=using)
    if past_runs.store(row=row, report=report, now=now, using=using):
        ask_runtime(dags={ref: row.content_hash}, now=now, using=using)
    add_items(items=[("start_runs", ref, now)], using=using)
    notify("work", str(current_tenant(using=using)), using=using)


def _tell_manual(dag: Dag, report: TimetableReport, now: datetime, using: str) -> None:
    """Each waiting run gets its interval and may begin; one that got none fails, and its note says why."""
    waiting = {
        str(run.id): run
        for run in DagRun.objects.using(using).filter(dag_id=dag.dag_id, awaits_interval=True)
    }
    told = {one.run: one for one in report.manual}
    for name, run in waiting.items():
        problem = report.failure.message if report.failure is not None else None
        span: Span | None = None
        if (one := told.get(name)) is not None:
            span, problem = one.interval, one.problem
        elif problem is None:
            continue  # asked for after this order was given out: the next one tells
        try:
            start, end = (instant_told(span.start), instant_told(span.end)) if span else (None, None)
        except (ValueError, OverflowError) as error:
            start = end = None
            problem = f"infer_manual_data_interval told no instants: {error}"
        if problem is not None:
            cancel_runs(runs=[run.id], why="no_data_interval", now=now, using=using)
        note = f"The timetable gave no data interval: {problem}"[:1000] if problem is not None else run.note
        DagRun.objects.using(using).filter(id=run.id).update(
            data_interval_start=start, data_interval_end=end, awaits_interval=False, note=note
        )


def _tell_author(
    dag: Dag, row: TimetableForecast, failure: ImportFailure | None, now: datetime, using: str
) -> None:
    """What is wrong with the timetable stands among the import errors until it answers again."""
    mine = FileError.objects.using(using).filter(filename=dag.relative_fileloc, kind=KIND)
    if row.problem is None:
        mine.delete()
        return
    told = f"DAG {dag.dag_id!r} is not scheduled: its timetable failed. {row.problem}".split("\n", 1)[0]
    values = {
        "message": told,
        "stacktrace": failure.stacktrace.replace("\0", "") if failure is not None else row.problem,
        "line": failure.line if failure is not None else 0,
        "timestamp": now,
    }
    if mine.update(**values) or dag.bundle_version_id is None:
        return
    error = FileError(
        tenant_id=dag.tenant_id,
        serial=next_serial("import_error", using=using),
        filename=dag.relative_fileloc,
        kind=KIND,
        bundle_version_id=dag.bundle_version_id,
        **values,
    )
    FileError.objects.using(using).bulk_create([error], ignore_conflicts=True)


def _info(last: Interval | None) -> RunInfo | None:
    if last is None:
        return None
    span = Span(start=last.start.isoformat(), end=last.end.isoformat())
    return RunInfo(run_after=last.end.isoformat(), interval=span)
