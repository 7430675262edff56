"""Time zones by name or offset, and wall-clock times made into instants."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta, timezone, tzinfo
from functools import lru_cache
from typing import Final
from zoneinfo import ZoneInfo

from domain.timetables.instants import TimetableInvalid

_OFFSET: Final = re.compile(r"([+-])(\d{2}):?(\d{2})")


@lru_cache(maxsize=1024)
def zone_of(name: str) -> tzinfo:
    """`Europe/Berlin`, `UTC`, `+02:00` or seconds east of Greenwich (`7200`). Raises `TimetableInvalid`."""
    if name.upper() in ("UTC", "Z"):
        return UTC
    try:
        if match := _OFFSET.fullmatch(name):
            sign, hours, minutes = match.groups()
            offset = timedelta(hours=int(hours), minutes=int(minutes))
            return timezone(-offset if sign == "-" else offset)
        if name.lstrip("-").isdigit():
            return timezone(timedelta(seconds=int(name)))
        return ZoneInfo(name)
    except (KeyError, ValueError, OverflowError, OSError) as problem:
        raise TimetableInvalid(
            f"time zone {name!r} is unknown; use an IANA name such as 'Europe/Berlin'"
        ) from problem


def to_wall(instant: datetime, zone: tzinfo) -> datetime:
    """What a clock on the wall in `zone` shows at `instant`, without a time zone."""
    return instant.astimezone(zone).replace(tzinfo=None, fold=0)


def from_wall(wall: datetime, zone: tzinfo) -> datetime:
    """The instant, in UTC, at which a clock in `zone` shows `wall`.

    As Airflow does it: of a time that comes twice (clocks go back) the second, and a time that never comes
    (clocks go forward) is moved on by what the clocks skip: 02:30 becomes 03:30.
    """
    before = wall.replace(fold=0, tzinfo=zone).utcoffset()
    after = wall.replace(fold=1, tzinfo=zone).utcoffset()
    if before is None or after is None:
        raise TimetableInvalid(f"time zone {zone} has no offset for {wall}")
    # Of a skipped time, fold 0 reads the offset before the change, which is the moving on.
    return wall.replace(fold=0 if after > before else 1, tzinfo=zone).astimezone(UTC).replace(fold=0)
