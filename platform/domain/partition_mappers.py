"""Partition mappers: from the partition key of an asset's event to those of the runs it is for. Pure.

Mappers are read as Airflow serialises them: {"__type": class path, "__var": fields}. Source: Airflow's
`partition_mappers`; compared with it key by key in tests/unit/test_partition_mappers.py.
"""

from __future__ import annotations

import re
from datetime import datetime, timedelta
from functools import lru_cache
from typing import Any

from domain.partition_windows import Encoded, PartitionInvalid, fields_of, is_enough, members, name_of
from domain.timetables.instants import TimetableInvalid
from domain.timetables.zones import from_wall, zone_of

MOST_KEYS = 1000
"""Keys that one event may be mapped to, when the mapper sets no bound of its own: Airflow's default."""

IDENTITY: Encoded = {"__type": "airflow.partition_mappers.identity.IdentityMapper", "__var": {}}

_FORMATS = {
    "StartOfHourMapper": "%Y-%m-%dT%H",
    "StartOfDayMapper": "%Y-%m-%d",
    "StartOfWeekMapper": "%Y-%m-%d (W%V)",
    "StartOfMonthMapper": "%Y-%m",
    "StartOfQuarterMapper": "%Y-Q{quarter}",
    "StartOfYearMapper": "%Y",
}
_FAN_OUT = {
    "DayWindow": "StartOfHourMapper",
    "WeekWindow": "StartOfDayMapper",
    "MonthWindow": "StartOfDayMapper",
    "QuarterWindow": "StartOfMonthMapper",
    "YearWindow": "StartOfMonthMapper",
}
_DIRECTIVES = {"Y": r"\d{4}"} | dict.fromkeys("mdHMSVUW", r"\d{2}")


def to_downstream(mapper: Encoded, key: str) -> list[str]:
    """The keys of the runs that an event of `key` is for. Raises PartitionInvalid."""
    try:
        found = _map(mapper, key)
    except PartitionInvalid:
        raise
    except (ValueError, TypeError, KeyError, OverflowError, TimetableInvalid, IndexError) as error:
        raise PartitionInvalid(f"{type(error).__name__}: {error}") from error
    keys = [found] if isinstance(found, str) else found
    most = fields_of(mapper).get("max_downstream_keys") or MOST_KEYS
    if len(keys) > most:
        raise PartitionInvalid(f"it gives {len(keys)} keys of the key {key!r}, more than the {most} allowed")
    return keys


def is_rollup(mapper: Encoded) -> bool:
    """Whether a run waits for a whole window of upstream keys."""
    return str(mapper.get("__type", "")).endswith(".RollupMapper")


def is_received(mapper: Encoded, *, target: str, sources: set[str]) -> bool:
    """Whether the `sources` that came are enough for a run of the key `target`. Raises PartitionInvalid."""
    if not is_rollup(mapper):
        return True
    fields = fields_of(mapper)
    upstream = fields["upstream_mapper"]
    try:
        expected = {_encode(upstream, each) for each in members(fields["window"], _decode(upstream, target))}
    except PartitionInvalid:
        raise
    except (ValueError, TypeError, KeyError, OverflowError, TimetableInvalid) as error:
        raise PartitionInvalid(f"{type(error).__name__}: {error}") from error
    return is_enough(fields.get("wait_policy"), matched=sources, expected=expected)


def partition_date_of(mapper: Encoded, key: str) -> datetime | None:
    """The start of the period that a run's key names; None when the key is no period. Raises PartitionInvalid."""
    try:
        return _date(mapper, key)
    except PartitionInvalid:
        raise
    except (ValueError, TypeError, KeyError, OverflowError, TimetableInvalid) as error:
        raise PartitionInvalid(f"{type(error).__name__}: {error}") from error


def carries_date(mapper: Encoded) -> bool:
    """Whether a run takes the partition date of the run that emitted the event."""
    return str(mapper.get("__type", "")).endswith(".IdentityMapper")


def check(mapper: Encoded) -> None:
    """Raise PartitionInvalid when the mapper, or one within it, is not one of Airflow's own."""
    name, fields = name_of(mapper), fields_of(mapper)
    for inner in (*fields.get("mappers", ()), fields.get("upstream_mapper"), fields.get("downstream_mapper")):
        if inner is not None:
            check(inner)
    for other in (fields.get("window"), fields.get("wait_policy")):
        if other is not None:
            name_of(other)
    if "output_format" in fields and name in ("StartOfWeekMapper", "StartOfQuarterMapper"):
        _pattern(str(fields["output_format"]))


def _map(mapper: Encoded, key: str) -> str | list[str]:
    name, fields = name_of(mapper), fields_of(mapper)
    if name in _FORMATS:
        wall = datetime.strptime(key, fields.get("input_format") or "%Y-%m-%dT%H:%M:%S")
        return _format(mapper, _normalise(name, _local(mapper, wall)))
    match name:
        case "IdentityMapper":
            return key
        case "FixedKeyMapper":
            return str(fields["downstream_key"])
        case "AllowedKeyMapper":
            if key not in fields["allowed_keys"]:
                raise PartitionInvalid(f"Key {key!r} not in allowed keys {list(fields['allowed_keys'])}")
            return key
        case "RollupMapper":
            return _map(fields["upstream_mapper"], key)
        case "ProductMapper":
            return _product(fields, key)
        case "ChainMapper":
            keys = [key]
            for inner in fields["mappers"]:
                keys = [found for each in keys for found in _listed(_map(inner, each))]
            return keys[0] if len(keys) == 1 else keys
        case "FanOutMapper":
            return _fan_out(fields, key)
    raise PartitionInvalid(f"there is no partition mapper {name}")


def _listed(found: str | list[str]) -> list[str]:
    return [found] if isinstance(found, str) else found


def _product(fields: Any, key: str) -> str:
    delimiter = fields.get("delimiter", "|")
    segments = key.split(delimiter)
    if len(segments) != len(fields["mappers"]):
        raise PartitionInvalid(f"Expected {len(fields['mappers'])} segments in key, got {len(segments)}")
    results = []
    for mapper, segment in zip(fields["mappers"], segments, strict=True):
        found = _map(mapper, segment)
        if not isinstance(found, str):
            raise PartitionInvalid("ProductMapper child mappers must return a single key")
        results.append(found)
    return str(delimiter.join(results))


def _fan_out(fields: Any, key: str) -> list[str]:
    upstream, window = fields["upstream_mapper"], fields["window"]
    coarse = _map(upstream, key)
    if not isinstance(coarse, str):
        raise PartitionInvalid("FanOutMapper.upstream_mapper must produce a single key")
    found = members(window, _decode(upstream, coarse))
    downstream = fields.get("downstream_mapper") or {
        "__type": f"airflow.partition_mappers.temporal.{_FAN_OUT[name_of(window)]}",
        "__var": {},
    }
    if name_of(downstream) in _FORMATS:
        return [_format(downstream, each) for each in found]
    return [each.isoformat() if isinstance(each, datetime) else str(each) for each in found]


def _local(mapper: Encoded, wall: datetime) -> datetime:
    zone = zone_of(str(fields_of(mapper).get("timezone", "UTC")))
    return (wall if wall.tzinfo else from_wall(wall, zone)).astimezone(zone)


def _normalise(name: str, at: datetime) -> datetime:
    start = at.replace(minute=0, second=0, microsecond=0)
    if name == "StartOfHourMapper":
        return start
    start = start.replace(hour=0)
    match name:
        case "StartOfWeekMapper":
            return start - timedelta(days=start.weekday())
        case "StartOfMonthMapper":
            return start.replace(day=1)
        case "StartOfQuarterMapper":
            return start.replace(month=(start.month - 1) // 3 * 3 + 1, day=1)
        case "StartOfYearMapper":
            return start.replace(month=1, day=1)
    return start


def _format(mapper: Encoded, at: datetime) -> str:
    name = name_of(mapper)
    text = at.strftime(fields_of(mapper).get("output_format") or _FORMATS[name])
    if name == "StartOfQuarterMapper":
        # Airflow formats with `str.format`, which a tenant could make long: only its own mark is replaced here.
        return text.replace("{quarter}", str((at.month - 1) // 3 + 1))
    return text


def _decode(mapper: Encoded, key: str) -> Any:
    """The inverse of `_format`: an instant for temporal mappers, the text itself for others."""
    name = name_of(mapper)
    if name not in _FORMATS:
        return key
    form = fields_of(mapper).get("output_format") or _FORMATS[name]
    if name == "StartOfWeekMapper":
        found = _parts(form, key, "Ymd")
        return datetime(int(found["Y"]), int(found["m"]), int(found["d"]))
    if name == "StartOfQuarterMapper":
        found = _parts(form, key, ("Y", "quarter"))
        return datetime(int(found["Y"]), (int(found["quarter"]) - 1) * 3 + 1, 1)
    return datetime.strptime(key, form)


def _encode(mapper: Encoded, decoded: Any) -> str:
    """A decoded member of a window as the key that its producer emits."""
    if name_of(mapper) not in _FORMATS:
        return str(decoded)
    form = fields_of(mapper).get("input_format") or "%Y-%m-%dT%H:%M:%S"
    return _local(mapper, decoded).strftime(form)


def _date(mapper: Encoded, key: str) -> datetime | None:
    name, fields = name_of(mapper), fields_of(mapper)
    if name in _FORMATS:
        start = _normalise(name, _decode(mapper, key))
        return start if start.tzinfo else from_wall(start, zone_of(str(fields.get("timezone", "UTC"))))
    match name:
        case "RollupMapper":
            return _date(fields["upstream_mapper"], key)
        case "ChainMapper":
            return _date(fields["mappers"][-1], key)
        case "FanOutMapper" if fields.get("downstream_mapper"):
            return _date(fields["downstream_mapper"], key)
        case "ProductMapper":
            segments = key.split(fields.get("delimiter", "|"))
            if len(segments) != len(fields["mappers"]):
                return None
            pairs = zip(fields["mappers"], segments, strict=True)
            found = [date for inner, part in pairs if (date := _date(inner, part)) is not None]
            return found[0] if len(found) == 1 else None
    return None


def _parts(form: str, key: str, needed: Any) -> dict[str, str]:
    match = _pattern(form).search(key)
    if match is None or not set(needed) <= match.groupdict().keys():
        raise PartitionInvalid(f"the key {key!r} cannot be read by the output_format {form!r}")
    return match.groupdict()


@lru_cache(maxsize=256)
def _pattern(form: str) -> re.Pattern[str]:
    """A format as a pattern with a group per directive and for `{quarter}`."""
    parts: list[str] = []
    place = 0
    while place < len(form):
        directive = form[place + 1 : place + 2]
        if form[place] == "%" and directive in _DIRECTIVES and directive:
            parts.append(f"(?P<{directive}>{_DIRECTIVES[directive]})")
            place += 2
        elif form.startswith("{quarter}", place):
            parts.append("(?P<quarter>[1-4])")
            place += len("{quarter}")
        else:
            parts.append(re.escape(form[place]))
            place += 1
    try:
        return re.compile(f"^{''.join(parts)}$")
    except re.error as error:
        raise PartitionInvalid(f"the output_format {form!r} cannot be read back: {error}") from error
