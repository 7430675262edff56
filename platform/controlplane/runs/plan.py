"""The timetable asks for a run: create what is due, and say when to look again.

One `work_item` of kind `plan` waits per scheduled DAG, due when its next run may be created: nobody looks at
DAGs that are not due. However many are: one statement reads them, one makes their runs, one remembers. Called
by the scheduler for due items, by `dagprocessor.store` for new versions, by `runs.pause` and `runs.forecast`.
Before: inside a tenant scope.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

import msgspec
import structlog

from controlplane.foundation.db import execute
from controlplane.ledger.transitions import NewRun, drop_plans
from controlplane.runs.create import make_runs
from controlplane.runs.forecast import Ask, Forecast, ask_runtime, next_told
from domain.ids import random_suffix, run_id_for
from domain.timetables.instants import Interval, NextRun, TimetableInvalid
from domain.timetables.schedule import Schedule

log = structlog.get_logger("runs")

RUNS_PER_ROUND = 16
"""How many runs of one DAG one round creates: a long catchup shares the scheduler with everybody else."""
MOST_TRIES = 256
"""How often one round goes on past runs that somebody made by hand."""
ASK_AGAIN_SECONDS = 300.0
"""When a tenant's timetable that could not be asked is asked again."""


@dataclass(slots=True)
class Plan:
    """One DAG while it is planned."""

    id: UUID
    dag_id: str
    schedule: Schedule
    version: UUID
    bundle: UUID | None
    runtime: str
    content_hash: str
    free: int
    last: Interval | None
    forecast: Forecast | None

    def next(self, now: datetime) -> NextRun | Ask | None:
        """The run after `last`; an `Ask` when only the tenant's runtime knows."""
        if not self.schedule.allows("scheduled"):
            return None
        if self.schedule.timetable.kind == "custom":
            return next_told(
                forecast=self.forecast,
                content_hash=self.content_hash,
                last=self.last,
                catchup=self.schedule.catchup,
                now=now,
            )
        try:
            return self.schedule.next(last=self.last, now=now)
        except TimetableInvalid:
            return None  # told to the author when the file was parsed; it plans nothing


def plan_next(*, dags: Sequence[UUID], now: datetime, using: str = "default") -> None:
    """Compute each DAG's next run and leave a `plan` item for it. Saves the DAGs' `next_*` columns."""
    if not dags:
        return
    execute("runs/sql/lock_dags.sql", using=using, dags=list(dags))
    plans = read_plans(dags=dags, using=using)
    kept: dict[UUID, tuple[NextRun | None, datetime | None]] = dict.fromkeys(dags, (None, None))
    asks: dict[UUID, str] = {}
    for plan in plans:
        found = plan.next(now)
        if isinstance(found, NextRun):
            kept[plan.id] = found, found.run_after
        elif found is not None:
            kept[plan.id] = _asked(plan, found, asks, now)
    ask_runtime(dags=asks, now=now, using=using)
    _remember(kept, using)


def plan_due(*, dags: Sequence[UUID], now: datetime, using: str) -> list[UUID]:
    """Create the runs that are due for these DAGs; returns the DAGs whose queued runs may start.

    Locks the DAGs in id order, then their plans: the order of everybody who changes both.
    """
    if not dags:
        return []
    locked = [row[0] for row in execute("runs/sql/lock_dags.sql", using=using, dags=list(dags))]
    drop_plans(dags=locked, now=now, using=using)
    plans = read_plans(dags=locked, using=using)
    kept: dict[UUID, tuple[NextRun | None, datetime | None]] = {}
    asks: dict[UUID, str] = {}
    started: set[UUID] = set()
    pending = [(plan, min(max(plan.free, 0), RUNS_PER_ROUND)) for plan in plans]
    for _ in range(MOST_TRIES):
        wanted: dict[tuple[str, str], UUID] = {}
        runs: list[NewRun] = []
        for plan, room in pending:
            found, due = _due(plan, room, now)
            for one in due:
                run = _new_run(plan, one)
                wanted[run.dag_id, run.run_id] = plan.id
                runs.append(run)
            if isinstance(found, Ask):
                kept[plan.id] = _asked(plan, found, asks, now)
            elif found is not None and (found.run_after > now or room == RUNS_PER_ROUND):
                kept[plan.id] = found, max(found.run_after, now)
            else:
                kept[plan.id] = found, None
        made = make_runs(runs=runs, now=now, using=using)
        started.update(wanted[name] for name in made)
        # Somebody made a run with this logical date by hand: it takes no place, and the next one may be due.
        taken = Counter(wanted[name] for name in wanted.keys() - made.keys())
        pending = [(plan, taken[plan.id]) for plan, _ in pending if taken[plan.id]]
        if not pending:
            break
    ask_runtime(dags=asks, now=now, using=using)
    _remember(kept, using)
    return sorted(started)


def _due(plan: Plan, room: int, now: datetime) -> tuple[NextRun | Ask | None, list[NextRun]]:
    """What comes next, and what is due before it: no more than there is room for, as in Airflow."""
    due: list[NextRun] = []
    found = plan.next(now)
    while isinstance(found, NextRun) and found.run_after <= now and len(due) < room:
        due.append(found)
        plan.last = found.last
        found = plan.next(now)
    return found, due


def _new_run(plan: Plan, found: NextRun) -> NewRun:
    # As in Airflow, a run of a partition is named after it too, and never the same twice.
    suffix = f"__{found.partition_key}__{random_suffix()}" if found.partition_key is not None else ""
    wanted = run_id_for(
        run_type="scheduled", run_after=found.run_after, logical_date=found.logical_date or found.run_after
    )
    assert plan.bundle is not None
    return NewRun(
        dag_id=plan.dag_id,
        run_id=(found.run_id or wanted + suffix)[:250],
        run_type="scheduled",
        logical_date=found.logical_date,
        interval_start=found.interval.start if found.interval else None,
        interval_end=found.interval.end if found.interval else None,
        run_after=found.run_after,
        conf=None,
        triggered_by="timetable",
        user=None,
        note=None,
        partition_key=found.partition_key,
        partition_date=found.partition_date,
        dag_version=plan.version,
        bundle_version=plan.bundle,
        runtime_digest=plan.runtime,
    )


def _asked(
    plan: Plan, ask: Ask, asks: dict[UUID, str], now: datetime
) -> tuple[NextRun | None, datetime | None]:
    """The answer plans the DAG; a timetable that failed is asked again later."""
    if ask.at_once:
        asks[plan.id] = plan.content_hash
        return None, None
    return None, now + timedelta(seconds=ASK_AGAIN_SECONDS)


def read_plans(*, dags: Sequence[UUID], using: str, paused: bool = False) -> list[Plan]:
    """What planning needs of these DAGs: those that run at all, or with `paused` those that could."""
    plans = []
    for row in execute("runs/sql/read_plans.sql", using=using, dags=list(dags), paused=paused):
        try:
            schedule = msgspec.convert(row[2], Schedule)
            forecast = None if row[11] is None else msgspec.convert(row[11], Forecast)
        except msgspec.ValidationError:
            # Stored by another release. One such DAG must not stop its tenant's scheduler.
            log.exception("plan.schedule_unreadable", dag_id=row[1])
            continue
        if row[4] is None:
            continue  # no deployed bundle: nothing could run
        last = None if row[8] is None else Interval(row[8], row[9])
        plans.append(
            Plan(
                id=row[0],
                dag_id=row[1],
                schedule=schedule,
                version=row[3],
                bundle=row[4],
                runtime=row[5],
                content_hash=row[6],
                free=row[7],
                last=last,
                forecast=forecast,
            )
        )
    return plans


def _remember(kept: dict[UUID, tuple[NextRun | None, datetime | None]], using: str) -> None:
    plans: list[dict[str, Any]] = [
        {
            "id": dag,
            "logical_date": found.logical_date if found else None,
            "interval_start": found.interval.start if found and found.interval else None,
            "interval_end": found.interval.end if found and found.interval else None,
            "run_after": found.run_after if found else None,
            "partition_key": found.partition_key if found else None,
            "partition_date": found.partition_date if found else None,
            "look": look,
        }
        for dag, (found, look) in kept.items()
    ]
    if plans:
        execute("runs/sql/remember_plans.sql", using=using, plans=msgspec.json.encode(plans).decode())
