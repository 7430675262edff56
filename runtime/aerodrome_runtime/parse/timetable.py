"""A tenant's own Timetable class is asked for its next runs. Runs in a child that is timed, capped and thrown away.

As `parse.child`: before, nothing of the tenant's was imported in this process; afterwards it must run no other
tenant's. What the class raises is told, with the line in its file.
"""

from __future__ import annotations

import datetime
import os
import sys
from pathlib import Path
from typing import Any

from aerodrome_runtime.parse.asked import Asked
from taskwire.timetabling import ManualRun, Past, PastRuns, RunInfo, Span, TimetableOrder, TimetableReport


class DagMissing(LookupError):
    """The file gives no DAG of this id any more."""


def tell_timetable(*, bundle_root: Path, order: TimetableOrder) -> TimetableReport:
    """The next runs of the DAG of the order, and the intervals of runs that people asked for."""
    from aerodrome_runtime.parse.failures import import_failure
    from aerodrome_runtime.parse.load import load_dags
    from aerodrome_runtime.parse.paths import add_bundle_paths

    root = bundle_root.absolute()
    sys.dont_write_bytecode = True
    os.environ["AIRFLOW__CORE__DAGBAG_IMPORT_TIMEOUT"] = str(order.seconds)
    add_bundle_paths(bundle_root=root)
    report = TimetableReport(dag_id=order.dag_id)
    with Asked(answer=None):
        try:
            loaded = load_dags(bundle_root=root, path=order.path)
            dag = loaded.dags.get(order.dag_id)
            if dag is None:
                raise (
                    loaded.errors[0][0]
                    if loaded.errors
                    else DagMissing(f"no DAG {order.dag_id!r} in the file")
                )
            timetable = _asked_as_by_the_scheduler(dag.timetable)
            report.manual = [_manual(timetable, one) for one in order.manual]
            if order.past is not None:
                report.past = _past(timetable, order.past)
            _tell_runs(timetable, order, report)
        except BaseException as error:  # whatever tenant code raises, SystemExit included, is its failure
            report.failure = import_failure(
                error=error, path=order.path, bundle_root=str(root), kind="timetable"
            )
    return report


def _asked_as_by_the_scheduler(timetable: Any) -> Any:
    """Core's form of a class that has one; the object itself when it answers the scheduler's questions."""
    from airflow.serialization.encoders import coerce_to_core_timetable

    return coerce_to_core_timetable(timetable)


def _tell_runs(timetable: Any, order: TimetableOrder, report: TimetableReport) -> None:
    """Each run is asked for with the one before it, as Airflow's scheduler does."""
    from airflow.timetables.base import TimeRestriction
    from airflow.utils.types import DagRunType

    restriction = TimeRestriction(_instant(order.earliest), _instant(order.latest), order.catchup)
    info = _info(order.last)
    for _ in range(order.count):
        try:
            info = timetable.next_dagrun_info_v2(last_dagrun_info=info, restriction=restriction)
        except Exception:
            if report.runs:
                return  # what it told before that holds; asked again, it fails with the first
            raise
        if info is None:
            report.over = True
            return
        run_id = timetable.generate_run_id(
            run_type=DagRunType.SCHEDULED,
            run_after=info.run_after,
            data_interval=info.data_interval,
            partition_key=info.partition_key,
        )
        report.runs.append(
            RunInfo(
                run_after=info.run_after.isoformat(),
                interval=_span(info.data_interval),
                partition_key=info.partition_key,
                partition_date=info.partition_date.isoformat() if info.partition_date else None,
                run_id=str(run_id),
            )
        )


def _manual(timetable: Any, one: ManualRun) -> ManualRun:
    try:
        interval = timetable.infer_manual_data_interval(run_after=_instant(one.run_after))
        return ManualRun(run=one.run, run_after=one.run_after, interval=_span(interval))
    except Exception as error:
        problem = f"infer_manual_data_interval raised {type(error).__name__}: {error}"
        return ManualRun(run=one.run, run_after=one.run_after, problem=problem[:2000])


def _past(timetable: Any, asked: Past) -> PastRuns:
    """As Airflow's `iter_dagrun_infos_between`: what it raises half-way ends the series."""
    from airflow.timetables.base import TimeRestriction

    told = PastRuns()
    now = _instant(asked.now)
    restriction = TimeRestriction(_instant(asked.start), _instant(asked.end), True)
    info = _info(asked.last)
    for _ in range(asked.count):
        try:
            info = timetable.next_dagrun_info_v2(last_dagrun_info=info, restriction=restriction)
        except Exception as error:
            if not told.runs and asked.last is None:
                told.problem = f"next_dagrun_info raised {type(error).__name__}: {error}"[:2000]
            info = None
        # What ends after now comes no earlier later on.
        if info is None or info.data_interval is None or info.data_interval.end >= now:
            told.over = True
            break
        told.runs.append(RunInfo(run_after=info.run_after.isoformat(), interval=_span(info.data_interval)))
    return told


def _info(last: RunInfo | None) -> Any:
    from airflow.timetables.base import DagRunInfo, DataInterval

    if last is None:
        return None
    interval = None
    if last.interval is not None:
        interval = DataInterval(_instant(last.interval.start), _instant(last.interval.end))
    return DagRunInfo(
        run_after=_instant(last.run_after),
        data_interval=interval,
        partition_key=last.partition_key,
        partition_date=_instant(last.partition_date),
    )


def _span(interval: Any) -> Span | None:
    if interval is None:
        return None
    return Span(start=interval.start.isoformat(), end=interval.end.isoformat())


def _instant(text: str | None) -> Any:
    from airflow._shared.timezones.timezone import coerce_datetime

    return None if text is None else coerce_datetime(datetime.datetime.fromisoformat(text))
