"""Cron expressions as a grid of instants, exact across changes of the clocks."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, tzinfo
from functools import lru_cache
from threading import local
from typing import Final

from croniter import CroniterBadCronError, CroniterBadDateError, croniter

from domain.timetables.instants import TimetableInvalid
from domain.timetables.zones import from_wall, to_wall, zone_of

PRESETS: Final[Mapping[str, str]] = {
    "@hourly": "0 * * * *",
    "@daily": "0 0 * * *",
    "@weekly": "0 0 * * 0",
    "@monthly": "0 0 1 * *",
    "@quarterly": "0 0 1 */3 *",
    "@yearly": "0 0 1 1 *",
}


@dataclass(frozen=True, slots=True)
class CronGrid:
    """The instants at which an expression fires. All arguments and answers are UTC.

    Airflow's `timetables/_cron.py`: the expression is read on the wall clock, so a daily 02:30 stays 02:30
    through summer time. Only a schedule that fires every hour is counted in elapsed time instead: it fires
    in the hour that comes twice, too.
    """

    expression: str
    zone: tzinfo

    def _step(self, current: datetime, *, forward: bool) -> datetime:
        wall = to_wall(current, self.zone)
        try:
            fires, every_hour = _fires(self.expression, wall, forward)
        except (CroniterBadCronError, CroniterBadDateError) as problem:
            raise TimetableInvalid(f"cron expression {self.expression!r}: {problem}") from problem
        if every_hour:
            return current.astimezone(UTC) + (fires - wall)
        return from_wall(fires, self.zone)

    def after(self, current: datetime) -> datetime:
        """The first instant after `current`."""
        return self._step(current, forward=True)

    def before(self, current: datetime) -> datetime:
        """The last instant before `current`."""
        return self._step(current, forward=False)

    def at_or_after(self, current: datetime) -> datetime:
        """`current` when it is on the grid, else the next instant."""
        following = self.after(current)
        return current if self.before(following) == current else following

    def at_or_before(self, current: datetime) -> datetime:
        """`current` when it is on the grid, else the one before."""
        preceding = self.before(current)
        return current if self.after(preceding) == current else preceding


_own = local()
"""Per thread, the expressions that it has read: reading one costs more than a step along it."""
_MOST_READ: Final = 256


@lru_cache(maxsize=16384)
def _fires(expression: str, wall: datetime, forward: bool) -> tuple[datetime, bool]:
    """The instant next to `wall`, and whether the expression fires every hour. DAGs share schedules: the midnight
    that one of them asked for serves all."""
    read: dict[str, croniter] = _own.__dict__.setdefault("read", {})
    cron = read.get(expression)
    if cron is None:
        if len(read) >= _MOST_READ:
            read.clear()
        cron = read[expression] = croniter(expression, start_time=wall)
    step = cron.get_next if forward else cron.get_prev
    fires: datetime = step(datetime, start_time=wall)
    return fires, cron.expanded[1] == ["*"]


@lru_cache(maxsize=4096)
def cron_grid(*, expression: str | None, timezone: str) -> CronGrid:
    """A grid from an expression or preset. Raises `TimetableInvalid`."""
    if not expression:
        raise TimetableInvalid("the timetable has no cron expression")
    expression = PRESETS.get(expression, expression)
    try:
        croniter(expression)
    except (CroniterBadCronError, CroniterBadDateError) as problem:
        raise TimetableInvalid(f"cron expression {expression!r}: {problem}") from problem
    return CronGrid(expression, zone_of(timezone))
