"""Which runs a backfill makes, in which order, and what it does about runs that exist already.

The semantics of Airflow 3.3.2's `models/backfill.py`, with its sentences for refusals. Called by
`controlplane/runs/backfill.py`, for a dry run and for the real one. Pure.
"""

from __future__ import annotations

from collections.abc import Hashable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from itertools import islice
from typing import Final

from domain.timetables.evaluate import next_run
from domain.timetables.instants import Interval, NextRun, TimetableInvalid
from domain.timetables.partitions import partitions_between
from domain.timetables.schedule import Schedule

REPROCESS: Final = ("failed", "completed", "none")
MOST_RUNS: Final = 10_000
"""Runs of one backfill: they are all made at once."""
IN_FLIGHT: Final = "in flight"
ALREADY_EXISTS: Final = "already exists"


class BackfillInvalid(ValueError):
    """The backfill cannot be made of this DAG, or not like this; the message is for people."""


class RunTypeNotAllowed(ValueError):
    """The DAG's `allowed_run_types` has no backfill."""


@dataclass(frozen=True, slots=True)
class Existing:
    """A run that is there already. Of several of one instant, the one that started last."""

    row: Hashable
    state: str


@dataclass(frozen=True, slots=True)
class Step:
    """What the backfill does about one instant. `again` names the run to clear and take over; `reason` says why
    nothing is done; neither: a run is made."""

    ordinal: int
    run: NextRun
    again: Hashable | None = None
    reason: str | None = None


def key_of(run: NextRun) -> datetime:
    """What tells runs of a DAG apart to a backfill: the partition's instant, or the logical date."""
    return run.partition_date or run.logical_date or run.run_after


def check_kind(*, dag_id: str, schedule: Schedule) -> None:
    """Raise `BackfillInvalid` when the DAG has no series of instants to go through."""
    if not schedule.is_periodic:
        raise BackfillInvalid(f"{dag_id} has a non-periodic schedule that does not support backfills")


def check_run_type(*, dag_id: str, schedule: Schedule) -> None:
    """Raise `RunTypeNotAllowed`."""
    if not schedule.allows("backfill"):
        raise RunTypeNotAllowed(f"Dag with dag_id: '{dag_id}' does not allow backfill runs")


def check_range(
    *,
    from_date: datetime,
    to_date: datetime,
    backwards: bool,
    reprocess: str,
    depends_on_past: bool,
    now: datetime,
) -> None:
    """Raise `BackfillInvalid` for a range or a combination that Airflow refuses."""
    if from_date > to_date:
        raise BackfillInvalid(
            f"from_date ({from_date.isoformat()}) must not be after to_date ({to_date.isoformat()})."
        )
    if from_date >= now and to_date >= now:
        raise BackfillInvalid("Backfill cannot be executed for future dates.")
    if depends_on_past and backwards:
        raise BackfillInvalid(
            "Backfill cannot be run in reverse when the Dag has tasks where depends_on_past=True."
        )
    if depends_on_past and reprocess == "none":
        raise BackfillInvalid(
            "Dag has tasks for which depends_on_past=True. "
            "You must set reprocess behavior to reprocess completed or reprocess failed."
        )


def instants(
    *, schedule: Schedule, from_date: datetime, to_date: datetime, backwards: bool, now: datetime
) -> list[NextRun]:
    """The runs of the range that are complete at `now`, in the order in which they begin.

    Raises `BackfillInvalid` when there are more than `MOST_RUNS`, and for a tenant's own class: only its runtime
    knows (`runs.past_runs`).
    """
    if schedule.timetable.kind == "custom":
        raise BackfillInvalid("The DAG's own Timetable class is asked in the tenant's runtime, not here.")
    return in_order(list(islice(_between(schedule, from_date, to_date, now), MOST_RUNS + 1)), backwards)


def in_order(found: list[NextRun], backwards: bool) -> list[NextRun]:
    """The runs of a range as they begin. Raises `BackfillInvalid` when there are more than `MOST_RUNS`."""
    if len(found) > MOST_RUNS:
        raise BackfillInvalid(
            f"The range has more than {MOST_RUNS} runs; split it into backfills of a part of it each."
        )
    return found[::-1] if backwards else found


def _between(schedule: Schedule, from_date: datetime, to_date: datetime, now: datetime) -> Iterator[NextRun]:
    """Start and end of the DAG do not bound a backfill, as in Airflow. A timetable that fails half-way ends it."""
    try:
        if schedule.timetable.kind == "partition_cron":
            yield from partitions_between(schedule.timetable, from_date, to_date)
            return
        last: Interval | None = None
        while True:
            run = next_run(
                spec=schedule.timetable, last=last, start_at=from_date, end_at=to_date, catchup=True, now=now
            )
            # What ends after now comes no earlier later on.
            if run is None or run.interval is None or run.interval.end >= now:
                return
            yield run
            last = run.interval
    except TimetableInvalid:
        return


def steps(
    *, runs: Sequence[NextRun], existing: Mapping[datetime, Existing], reprocess: str, partitioned: bool
) -> list[Step]:
    """What to do about each instant. Partitions are run anew beside the old run; others take its place."""
    out = []
    for ordinal, run in enumerate(runs, start=1):
        there = existing.get(key_of(run))
        reason = None if there is None else _refusal(there.state, reprocess)
        again = there.row if there is not None and reason is None and not partitioned else None
        out.append(Step(ordinal, run, again, reason))
    return out


def _refusal(state: str, reprocess: str) -> str | None:
    if state not in ("success", "failed"):
        return IN_FLIGHT
    if reprocess == "completed" or (reprocess == "failed" and state == "failed"):
        return None
    return ALREADY_EXISTS


def predicted_seconds(*, runs: int, max_active_runs: int, average_seconds: float | None) -> float | None:
    """How long it takes when runs last as long as they did, and nothing else holds them; None without history."""
    if average_seconds is None:
        return None
    rounds = -(-runs // max(max_active_runs, 1))
    return rounds * average_seconds
