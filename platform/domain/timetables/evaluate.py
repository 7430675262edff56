"""The next run of a timetable, and the interval of a run that a person asks for.

The semantics of Airflow 3.3.2's own timetables, second for second (`tests/unit/test_timetables.py` compares
with its answers). Called by `runs/plan.py` after each run and each new DAG version, with the interval of the
last *scheduled* run. A `custom` timetable is evaluated in the tenant's runtime and has no next run here;
`null`, `asset`, `partition_asset` and `partition_runtime` ones never have. A `partition_cron` makes runs with a
partition instead of a data interval: what is `last` to it is the instant at which its last run was due, twice.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta
from typing import Final

from domain.timetables.cron import cron_grid
from domain.timetables.delta import Delta, DeltaGrid, delta_of
from domain.timetables.instants import Interval, NextRun, Restriction, TimetableInvalid, to_utc
from domain.timetables.partitions import check_partition, partition_run
from domain.timetables.simple import (
    event_instants,
    manual_event,
    next_continuous,
    next_event,
    next_once,
)
from domain.timetables.spaced import Grid, manual_grid_interval, next_interval, next_trigger
from taskwire.dagspec import TimetableSpec

_NEVER: Final = frozenset({"null", "asset", "partition_asset", "partition_runtime", "custom"})
_TRIGGER: Final = frozenset(
    {"trigger_cron", "trigger_delta", "multi_cron", "multi_trigger_cron", "partition_cron"}
)


def next_run(
    *,
    spec: TimetableSpec,
    last: Interval | None,
    start_at: datetime | None,
    end_at: datetime | None,
    catchup: bool,
    now: datetime,
) -> NextRun | None:
    """The run to create next, or `None` when there is none (now; ask again after any change).

    `last` is the data interval of the last scheduled or backfilled run. `start_at` and `end_at` are the
    DAG's, inclusive. All instants are aware; answers are UTC. The run may be created once
    `run_after <= now`. Raises `TimetableInvalid`.
    """
    with _within_the_calendar():
        restriction = Restriction(
            earliest=None if start_at is None else to_utc(start_at),
            latest=None if end_at is None else to_utc(end_at),
            catchup=catchup,
            now=to_utc(now),
        )
        if last is not None:
            last = Interval(to_utc(last.start), to_utc(last.end))
        return _next(spec, last, restriction)


@contextmanager
def _within_the_calendar() -> Iterator[None]:
    """Tenants choose dates and deltas: a sum beyond the years 1 to 9999 is their mistake, not a crash."""
    try:
        yield
    except OverflowError as problem:
        raise TimetableInvalid(f"the timetable leads out of the calendar: {problem}") from problem
    except ValueError as problem:
        if isinstance(problem, TimetableInvalid) or "out of range" not in str(problem):
            raise
        raise TimetableInvalid(f"the timetable leads out of the calendar: {problem}") from problem


def _next(spec: TimetableSpec, last: Interval | None, restriction: Restriction) -> NextRun | None:
    kind = spec.kind
    if kind in _NEVER:
        return None
    if kind == "once":
        return next_once(last, restriction)
    if kind == "continuous":
        return next_continuous(last, restriction)
    if kind == "events":
        return next_event(event_instants(spec.instants), last, restriction)
    if kind == "asset_or_time":
        return _next(_child(spec), last, restriction)
    if kind in ("cron", "delta"):
        return next_interval(_grid(spec), last, restriction)
    if kind in ("trigger_cron", "trigger_delta", "partition_cron"):
        run = next_trigger(
            _grid(spec),
            last,
            restriction,
            width=_width(spec),
            immediately=spec.run_immediately,
            within_seconds=spec.run_immediately_seconds,
        )
        return partition_run(spec, run.run_after) if run and kind == "partition_cron" else run
    if kind in ("multi_cron", "multi_trigger_cron"):
        return _next_of_many(spec, last, restriction)
    raise _unknown(kind)


def _next_of_many(spec: TimetableSpec, last: Interval | None, restriction: Restriction) -> NextRun | None:
    """Of several crons the earliest; without catchup, the latest that is due, else the earliest to come."""

    def rank(run: NextRun | None) -> float:
        if run is None:
            return math.inf
        stamp = run.last.start.timestamp()
        return -stamp if not restriction.catchup and stamp <= restriction.now.timestamp() else stamp

    return min((_next(one, last, restriction) for one in _singles(spec)), key=rank)


def manual_interval(spec: TimetableSpec, run_after: datetime) -> Interval | None:
    """The data interval of a run that a person or the API asks for at `run_after` (its logical date).

    `None` for a `custom` timetable: ask the tenant's runtime. Raises `TimetableInvalid`.
    """
    with _within_the_calendar():
        return _manual(spec, to_utc(run_after))


def _manual(spec: TimetableSpec, run_after: datetime) -> Interval | None:
    kind = spec.kind
    if kind == "custom":
        return None
    if kind == "events" and spec.instants and spec.restrict_to_events:
        return manual_event(event_instants(spec.instants), run_after)
    if kind in _NEVER or kind in ("once", "continuous", "events"):
        return Interval(run_after, run_after)
    if kind == "asset_or_time":
        return _manual(_child(spec), run_after)
    if kind in ("cron", "delta"):
        return manual_grid_interval(_grid(spec), run_after)
    if kind in _TRIGGER:
        return Interval(run_after - _width(spec), run_after)
    raise _unknown(kind)


def check(spec: TimetableSpec) -> None:
    """Raise `TimetableInvalid` with a message for people when `spec` can never be evaluated."""
    if spec.kind == "events":
        event_instants(spec.instants)
    elif spec.kind == "asset_or_time":
        check(_child(spec))
    elif spec.kind in ("multi_cron", "multi_trigger_cron"):
        for one in _singles(spec):
            _grid(one)
        _width(spec)
    elif spec.kind not in _NEVER | {"once", "continuous"}:
        _grid(spec)
        _width(spec)
        if spec.kind == "partition_cron":
            check_partition(spec)


def _grid(spec: TimetableSpec) -> Grid:
    if spec.kind in ("cron", "trigger_cron", "partition_cron"):
        return cron_grid(expression=spec.expression, timezone=spec.timezone)
    if spec.kind in ("delta", "trigger_delta"):
        return DeltaGrid(delta_of(spec.delta))
    raise _unknown(spec.kind)


def _width(spec: TimetableSpec) -> Delta:
    """How long the data interval before a trigger's instant is."""
    return delta_of(spec.interval) if spec.interval else timedelta(seconds=spec.interval_seconds)


def _unknown(kind: str) -> TimetableInvalid:
    return TimetableInvalid(f"timetable kind {kind!r} cannot be evaluated by this version")


def _singles(spec: TimetableSpec) -> list[TimetableSpec]:
    if not spec.expressions:
        raise TimetableInvalid("the timetable has no cron expressions")
    return [
        TimetableSpec(
            kind="trigger_cron",
            expression=expression,
            timezone=spec.timezone,
            interval_seconds=spec.interval_seconds,
            interval=spec.interval,
            run_immediately=spec.run_immediately,
            run_immediately_seconds=spec.run_immediately_seconds,
        )
        for expression in spec.expressions
    ]


def _child(spec: TimetableSpec) -> TimetableSpec:
    if spec.child is None:
        raise TimetableInvalid(f"the {spec.kind} timetable has no time part")
    return spec.child
