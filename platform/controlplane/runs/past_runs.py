"""The runs of a range that a tenant's own Timetable class has: asked for a backfill, told in batches, kept a while.

User code never runs here. Who looks at a backfill of such a DAG, or makes it, hears that its intervals are being asked
of the tenant's runtime, and asks again: then they are known. One range per DAG is kept, beside the forecast of its
next runs, and travels with the same orders (`runs.timetables`). Called by `runs.backfill` and `runs.timetables`.
Before: inside a tenant scope.
"""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

import msgspec

from controlplane.foundation.db import execute
from controlplane.ledger.models.dag import Dag
from controlplane.ledger.models.dag_version import DagVersion
from controlplane.ledger.models.timetable_forecast import TimetableForecast
from controlplane.runs.forecast import ask_runtime, nonsense, run_told
from domain.backfills import MOST_RUNS, BackfillInvalid
from domain.timetables.instants import NextRun
from taskwire.dagspec import Struct
from taskwire.timetabling import Past, PastRuns, RunInfo, TimetableReport

KEPT = timedelta(minutes=10)
"""How long an answer serves; what came due since is asked for anew."""
LOST = timedelta(minutes=2)
"""An order that nobody answered in this time is given anew."""


class IntervalsAwaited(LookupError):
    """The tenant's runtime is being asked for the intervals: ask again in a moment."""


class Asked(Struct, kw_only=True):
    """What was asked, and what is told of it so far."""

    start: datetime
    end: datetime
    content_hash: str
    asked_at: datetime
    heard_at: datetime
    is_over: bool = False
    problem: str | None = None
    runs: list[RunInfo] = []


def runs_told(*, dag: Dag, start: datetime, end: datetime, now: datetime) -> list[NextRun]:
    """The runs of the range that are complete. Raises BackfillInvalid when the class fails, and IntervalsAwaited,
    having asked the runtime, when they are not known: the order must be committed."""
    if dag.is_stale or dag.bundle_version is None or dag.bundle_version.runtime is None:
        raise BackfillInvalid(
            f"The Timetable class of {dag.dag_id} cannot be asked: its file is not deployed."
        )
    versions = DagVersion.objects.filter(id=dag.current_version_id)
    content_hash = versions.values_list("content_hash", flat=True).first() or ""
    row = TimetableForecast.objects.filter(dag_id=dag.id).first()
    asked = None if row is None else read(row.past)
    mine = asked is not None and (asked.start, asked.end, asked.content_hash) == (start, end, content_hash)
    if asked is None or not mine or _is_old(asked, now):
        _ask(dag.id, content_hash, start, end, now)
        raise IntervalsAwaited(
            "The DAG's own Timetable class is being asked for its intervals in the tenant's runtime: "
            "try again in a few seconds."
        )
    if not asked.is_over:
        raise IntervalsAwaited(
            "The DAG's own Timetable class has not told its intervals yet: try again in a few seconds."
        )
    if asked.problem is not None:
        raise BackfillInvalid(f"The DAG's own Timetable class failed: {asked.problem}")
    return [run_told(info) for info in asked.runs]


def _is_old(asked: Asked, now: datetime) -> bool:
    return now - asked.asked_at > KEPT if asked.is_over else now - asked.heard_at > LOST


def _ask(dag: UUID, content_hash: str, start: datetime, end: datetime, now: datetime) -> None:
    execute("runs/sql/lock_dags.sql", using="default", dags=[dag])
    ask_runtime(dags={dag: content_hash}, now=now, using="default")
    asked = Asked(start=start, end=end, content_hash=content_hash, asked_at=now, heard_at=now)
    TimetableForecast.objects.filter(dag_id=dag).update(past=msgspec.to_builtins(asked))


def forget(*, dag: UUID) -> None:
    """The runs of the range are made."""
    TimetableForecast.objects.filter(dag_id=dag).update(past=None)


def pending(*, row: TimetableForecast, content_hash: str) -> Past | None:
    """What the next order asks of the range, when something is left to ask."""
    asked = read(row.past)
    if asked is None or asked.is_over or asked.content_hash != content_hash:
        return None
    return Past(
        start=asked.start.isoformat(),
        end=asked.end.isoformat(),
        now=asked.asked_at.isoformat(),
        last=asked.runs[-1] if asked.runs else None,
    )


def store(*, row: TimetableForecast, report: TimetableReport, now: datetime, using: str) -> bool:
    """Keep what was told of the range; whether there is more to ask. The answer is to the newest order."""
    asked = read(row.past)
    if asked is None or asked.is_over or (report.past is None and report.failure is None):
        return False
    told = report.past or PastRuns(over=True, problem=report.failure.message if report.failure else None)
    asked.problem = told.problem
    if asked.problem is None:
        asked.problem = nonsense([*asked.runs[-1:], *told.runs])
    if asked.problem is None:
        asked.runs += told.runs
    # One more than a backfill may have says that there are too many.
    asked.is_over = told.over or asked.problem is not None or not told.runs or len(asked.runs) > MOST_RUNS
    asked.heard_at = now
    row.past = msgspec.to_builtins(asked)
    row.save(using=using, update_fields=["past"])
    return not asked.is_over


def read(raw: Any) -> Asked | None:
    """As the row holds it; None when nothing was asked, or by another release."""
    try:
        return None if raw is None else msgspec.convert(raw, Asked)
    except msgspec.ValidationError:
        return None
