"""Timetables on a grid: data intervals (run at the end) and triggers (run at the instant)."""

from __future__ import annotations

from datetime import datetime, timedelta

from domain.timetables.cron import CronGrid
from domain.timetables.delta import Delta, DeltaGrid
from domain.timetables.instants import Interval, NextRun, Restriction, TimetableInvalid, run_of

Grid = CronGrid | DeltaGrid


def next_interval(grid: Grid, last: Interval | None, restriction: Restriction) -> NextRun | None:
    """The next data interval (Airflow's `_DataIntervalTimetable.next_dagrun_info`).

    Without catchup the first interval is the last complete one. Raises `TimetableInvalid` when the grid does
    not lead past `last`.
    """
    earliest = restriction.earliest
    if not restriction.catchup:
        earliest = _latest_start(grid, earliest, restriction.now)
    elif earliest is not None:
        earliest = grid.at_or_after(earliest)
    if last is None:
        if earliest is None:
            return None
        start = earliest
    else:
        start = grid.at_or_before(last.end)
        if earliest is not None:
            start = max(start, earliest)
        # A schedule that became coarser can lead back to the interval that ran already.
        if start <= last.start:
            start = grid.after(start)
            if start <= last.start:
                raise TimetableInvalid(f"the schedule does not lead past {last.start.isoformat()}")
    if restriction.latest is not None and start > restriction.latest:
        return None
    return run_of(start, grid.after(start))


def _latest_start(grid: Grid, earliest: datetime | None, now: datetime) -> datetime:
    """Start of the last interval that is complete at `now`, not before `earliest`."""
    if isinstance(grid, DeltaGrid):
        start = grid.before(grid.floor(now, earliest or now))
        return start if earliest is None else max(start, earliest)
    start = grid.before(now)
    if grid.after(start) != now:
        start = grid.before(start)
    return start if earliest is None else max(start, grid.at_or_after(earliest))


def manual_grid_interval(grid: Grid, run_after: datetime) -> Interval:
    """The last complete interval at `run_after`; for a delta, the one that ends there."""
    end = grid.at_or_before(run_after)
    return Interval(grid.before(end), end)


def next_trigger(
    grid: Grid,
    last: Interval | None,
    restriction: Restriction,
    *,
    width: Delta,
    immediately: bool = False,
    within_seconds: float | None = None,
) -> NextRun | None:
    """The next instant (Airflow's `_TriggerTimetable.next_dagrun_info`), its interval the `width` before it.

    `immediately` and `within_seconds` matter to the first run of a DAG without start date only: the past
    instant is taken always, or when it is at most that long ago; with neither, when it is at most a tenth of
    the gap between two instants, or five minutes, ago.
    """

    def first() -> datetime:
        return _first_instant(grid, restriction.now, immediately, within_seconds)

    if restriction.catchup:
        if last is not None:
            instant = grid.after(last.end)
        elif restriction.earliest is None:
            instant = first()
        else:
            instant = grid.at_or_after(restriction.earliest)
    else:
        candidates = [grid.at_or_before(restriction.now)]
        if last is not None:
            candidates.append(grid.after(last.end))
        elif restriction.earliest is None:
            candidates.append(first())
        if restriction.earliest is not None:
            candidates.append(grid.at_or_after(restriction.earliest))
        instant = max(candidates)
    if restriction.latest is not None and restriction.latest < instant:
        return None
    return run_of(instant - width, instant)


def _first_instant(grid: Grid, now: datetime, immediately: bool, within_seconds: float | None) -> datetime:
    past, following = grid.at_or_before(now), grid.at_or_after(now)
    if isinstance(grid, DeltaGrid) or immediately:
        return past
    patience = timedelta(seconds=within_seconds or 0)
    if within_seconds is None:
        patience = max((following - past) / 10, timedelta(minutes=5))
    return past if now - past <= patience else following
