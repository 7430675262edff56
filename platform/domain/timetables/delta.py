"""Fixed and calendar deltas: every 36 hours, every month."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, Final, TypeAlias

from dateutil.relativedelta import relativedelta, weekday

from domain.timetables.instants import TimetableInvalid

_ELAPSED: Final = frozenset({"weeks", "days", "hours", "minutes", "seconds", "microseconds", "milliseconds"})
MAX_STEPS: Final = 50_000
"""Monthly from the year 1 is half of it: more is a mistake or an attack on the scheduler's time."""

Delta: TypeAlias = timedelta | relativedelta


def delta_of(fields: Mapping[str, float]) -> Delta:
    """A `timedelta` when `fields` say elapsed time only, else a `relativedelta` (months, years, absolutes).

    `weekday` (0 is Monday) may have `weekday_n` beside it. Raises `TimetableInvalid` when the fields are
    unknown or the delta does not lead forward.
    """
    values: dict[str, Any] = {k: int(v) if float(v).is_integer() else v for k, v in fields.items()}
    try:
        if not _ELAPSED.issuperset(values):
            nth = values.pop("weekday_n", None)
            if "weekday" in values:
                values["weekday"] = weekday(values["weekday"], nth)
            delta: Delta = relativedelta(**values)
        else:
            delta = timedelta(**values)
        probe = datetime(2001, 1, 1, tzinfo=UTC)
        forward = probe + delta > probe
    except (TypeError, ValueError, OverflowError) as problem:
        raise TimetableInvalid(f"schedule delta {dict(fields)}: {problem}") from problem
    if not forward:
        raise TimetableInvalid(f"schedule delta {dict(fields)} must be positive")
    return delta


@dataclass(frozen=True, slots=True)
class DeltaGrid:
    """Every instant is on the grid; the next is `delta` away. Arguments and answers are UTC."""

    delta: Delta

    def after(self, current: datetime) -> datetime:
        """`current + delta`. Raises `TimetableInvalid` where that is not later: absolute fields can circle."""
        following: datetime = current + self.delta
        if following <= current:
            raise TimetableInvalid(f"schedule delta {self.delta} leads from {current} to {following}")
        return following

    def before(self, current: datetime) -> datetime:
        preceding: datetime = current - self.delta
        return preceding

    def at_or_after(self, current: datetime) -> datetime:
        return current

    def at_or_before(self, current: datetime) -> datetime:
        return current

    def floor(self, instant: datetime, anchor: datetime) -> datetime:
        """The last boundary at or before `instant`.

        Elapsed time is counted from 1970. Months and years have no fixed length, so they are counted step by
        step from `anchor` (a jump of n months would lose the 31st differently than n jumps of one).
        """
        delta = self.delta
        if isinstance(delta, relativedelta):
            if delta.months or delta.years:
                boundary = anchor
                for _ in range(MAX_STEPS):
                    following = self.after(boundary)
                    if following > instant:
                        return boundary
                    boundary = following
                raise TimetableInvalid(
                    f"schedule delta {delta} takes more than {MAX_STEPS} steps from {anchor} to {instant}; "
                    "choose a later start date"
                )
            seconds = delta.days * 86400.0 + delta.hours * 3600 + delta.minutes * 60 + delta.seconds
        else:
            seconds = delta.total_seconds()
        stamp = instant.timestamp()
        return datetime.fromtimestamp(stamp - stamp % seconds, tz=UTC)
