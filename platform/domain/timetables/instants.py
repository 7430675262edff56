"""The words of timetables: intervals, runs, restrictions, and why a timetable is refused."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime


class TimetableInvalid(ValueError):
    """The timetable cannot be evaluated: a cron expression, time zone, delta or instant makes no sense."""


@dataclass(frozen=True, slots=True)
class Interval:
    """A data interval, aware instants, `start <= end`."""

    start: datetime
    end: datetime


@dataclass(frozen=True, slots=True)
class NextRun:
    """A run to create once `run_after` has come.

    One of a partition has its key and its instant (`partition_date`) instead of a logical date and an interval.
    `run_id` is set when the tenant's own timetable chose it.
    """

    logical_date: datetime | None
    interval: Interval | None
    run_after: datetime
    partition_key: str | None = None
    partition_date: datetime | None = None
    run_id: str | None = None

    @property
    def last(self) -> Interval:
        """What the next run after this one is counted from: its interval, or the instant it ran at."""
        return self.interval or Interval(self.run_after, self.run_after)


@dataclass(frozen=True, slots=True)
class Restriction:
    """What a run must keep to: not before `earliest`, not after `latest` (both inclusive, UTC), and without
    `catchup` nothing that `now` has left behind."""

    earliest: datetime | None
    latest: datetime | None
    catchup: bool
    now: datetime


def to_utc(instant: datetime) -> datetime:
    """The same instant in UTC. Raises `ValueError` for one without a time zone."""
    if instant.tzinfo is None:
        raise ValueError(f"{instant} has no time zone; pass an aware datetime")
    return instant.astimezone(UTC)


def run_of(start: datetime, end: datetime) -> NextRun:
    """The run of an interval: named after its start, due at its end."""
    return NextRun(logical_date=start, interval=Interval(start, end), run_after=end)
