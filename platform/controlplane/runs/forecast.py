"""The tenant's own Timetable class: asked in the tenant's runtime for many runs at once, and remembered.

User code never runs here. A DAG of kind `custom` whose next run is not known gets a workload of kind
`timetable`; an agent loads the DAG's file in a jail, without credentials and within a time, and tells the next
runs, which serve until they are used up or the DAG changes. What raises or hangs is told as the DAG's warning,
and asked again later. Called by `runs.plan`, by the gateway (orders and reports) and by rescue.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

import msgspec

from controlplane.foundation.db import ORDERS, execute, notify
from controlplane.ledger.models.timetable_forecast import TimetableForecast
from domain.timetables.instants import Interval, NextRun, TimetableInvalid, to_utc
from taskwire.dagspec import Struct
from taskwire.timetabling import RunInfo, TimetableReport


class Forecast(Struct, kw_only=True):
    """What is known of one DAG, as its row tells it."""

    content_hash: str
    epoch: int
    asked_at: datetime
    after: datetime | None = None
    answered_at: datetime | None = None
    runs: list[RunInfo] = []
    is_over: bool = False
    problem: str | None = None


@dataclass(frozen=True, slots=True)
class Ask:
    """The next run is not known. `at_once` False: it is being asked, or failed and is asked again later."""

    at_once: bool


def next_told(
    *, forecast: Forecast | None, content_hash: str, last: Interval | None, catchup: bool, now: datetime
) -> NextRun | Ask | None:
    """The run after `last`, when the runtime told it; None when it said that there is none."""
    if forecast is None or forecast.content_hash != content_hash:
        return Ask(at_once=True)
    if forecast.answered_at is None:
        return Ask(at_once=False)
    if forecast.problem is not None:
        return Ask(at_once=(now - forecast.asked_at).total_seconds() >= 300)
    try:
        told = [run_told(info) for info in forecast.runs]
    except (ValueError, OverflowError):
        return Ask(at_once=False)
    end = None if last is None else last.end
    place = _place(told, forecast.after, end)
    if place is None:
        return Ask(at_once=True)
    if place == len(told):
        return None if forecast.is_over else Ask(at_once=True)
    # Without catchup the class may leave out what is past: what it said before that is asked anew.
    following = told[place + 1 : place + 2]
    if not catchup and following and following[0].run_after <= now:
        return Ask(at_once=True) if forecast.asked_at < following[0].run_after else told[place]
    return told[place]


def _place(told: list[NextRun], after: datetime | None, end: datetime | None) -> int | None:
    """Index of the run that follows the one whose interval ends at `end`; None when it is not told."""
    if end == after:
        return 0
    for index, run in enumerate(told):
        if run.last.end == end:
            return index + 1
    return None


def run_told(info: RunInfo) -> NextRun:
    """As planning takes it. Raises `ValueError`."""
    interval = None
    if info.interval is not None:
        interval = Interval(instant_told(info.interval.start), instant_told(info.interval.end))
    return NextRun(
        logical_date=interval.start if interval else None,
        interval=interval,
        run_after=instant_told(info.run_after),
        partition_key=info.partition_key,
        partition_date=None if info.partition_date is None else instant_told(info.partition_date),
        run_id=info.run_id,
    )


def ask_runtime(*, dags: dict[UUID, str], now: datetime, using: str) -> None:
    """Order the next runs of these DAGs (row id -> content hash) from an agent."""
    if not dags:
        return
    execute(
        "runs/sql/ask_timetables.sql",
        using=using,
        dags=list(dags),
        hashes=list(dags.values()),
        now=now,
    )
    notify(ORDERS, using=using)


def store_forecast(
    *, dag: UUID, epoch: int, report: TimetableReport, now: datetime, using: str = "default"
) -> TimetableForecast | None:
    """Keep what the runtime told, or why it makes no sense; None when a newer order is under way."""
    row = TimetableForecast.objects.using(using).select_for_update().filter(dag_id=dag).first()
    if row is None or row.epoch != epoch:
        return None
    problem = None
    if report.failure is not None:
        problem = f"{report.failure.message}\n\n{report.failure.stacktrace}"[:20_000].replace("\0", "")
    else:
        problem = nonsense(report.runs)
    row.answered_at = now
    row.runs = [] if problem else msgspec.to_builtins(report.runs)
    row.is_over, row.problem = report.over and not problem, problem
    row.save(using=using, update_fields=["answered_at", "runs", "is_over", "problem"])
    return row


def nonsense(runs: list[RunInfo]) -> str | None:
    """Why these runs cannot be planned: instants must be told, and lead forward."""
    before: datetime | None = None
    for info in runs:
        try:
            run = run_told(info)
        except (ValueError, OverflowError) as error:
            return f"The timetable told a run that makes no sense: {error}"
        if run.interval is None and run.partition_key is None:
            return "The timetable told a run without a data interval and without a partition."
        if before is not None and run.last.end <= before:
            return (
                f"The timetable does not lead forward: after a run until {before.isoformat()} "
                f"it told one until {run.last.end.isoformat()}."
            )
        before = run.last.end
    return None


def instant_told(text: str) -> datetime:
    """In UTC. Raises `ValueError`."""
    found = datetime.fromisoformat(text)
    if found.tzinfo is None:
        raise TimetableInvalid(f"{text} has no time zone")
    return to_utc(found)
