"""Windows of partitions: which members make up a period, and when enough of them are there. Pure.

Windows work on decoded keys: period starts without a time zone, or for segments any text. Source: Airflow's
`partition_mappers.window` and `.wait_policy`.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Set
from datetime import datetime, timedelta
from typing import Any

Encoded = Mapping[str, Any]
"""{"__type": class path, "__var": its fields}, as Airflow serialises mappers, windows and policies."""


class PartitionInvalid(ValueError):
    """A mapper, window or key cannot be used; the text is for the DAG's author."""


def name_of(encoded: Encoded, package: str = "airflow.partition_mappers.") -> str:
    """The class name of one of Airflow's own. Raises PartitionInvalid for anybody else's."""
    path = str(encoded.get("__type", ""))
    if not path.startswith((package, "airflow.sdk.")):
        raise PartitionInvalid(
            f"{path or 'a partition mapper'} is not one of Airflow's own: partition mappers, windows and wait "
            "policies of one's own cannot run in the control plane"
        )
    return path.rpartition(".")[2]


def fields_of(encoded: Encoded) -> Mapping[str, Any]:
    """What it was made with."""
    fields = encoded.get("__var")
    return fields if isinstance(fields, Mapping) else {}


def members(window: Encoded, start: Any) -> list[Any]:
    """The decoded keys of the period that begins (or ends, for a backward window) at `start`."""
    name, fields = name_of(window), fields_of(window)
    if name == "SegmentWindow":
        return sorted(set(fields.get("segments", ())))
    if not isinstance(start, datetime):
        raise PartitionInvalid(f"{name} needs keys that are instants, not {start!r}")
    backward = fields.get("direction") == "backward"
    if name in ("MonthWindow", "QuarterWindow", "YearWindow") and start.day != 1:
        raise PartitionInvalid(
            f"{name} expects a period start on day 1 of the month, got {start.isoformat()}"
        )
    if name == "MonthWindow":
        if backward:
            before = _months(start, -1)
            return [before + timedelta(days=day + 1) for day in range((start - before).days)]
        return [start + timedelta(days=day) for day in range((_months(start, 1) - start).days)]
    try:
        count, step = _STEPS[name]
    except KeyError:
        raise PartitionInvalid(f"there is no partition window {name}") from None
    first = step(start, -(count - 1)) if backward else start
    return [step(first, number) for number in range(count)]


def is_enough(policy: Encoded | None, *, matched: Set[str], expected: Set[str]) -> bool:
    """Whether a window of `expected` keys is satisfied by the `matched` ones."""
    if policy is None or name_of(policy) == "WaitForAll":
        return expected <= matched
    if name_of(policy) != "MinimumCount":
        raise PartitionInvalid(f"there is no wait policy {name_of(policy)}")
    least = int(fields_of(policy)["n"])
    if least > len(expected):
        return False  # as in Airflow it can never be, and is not
    return len(matched & expected) >= (least if least > 0 else max(0, len(expected) + least))


def _months(start: datetime, months: int) -> datetime:
    total = start.month - 1 + months
    return start.replace(year=start.year + total // 12, month=total % 12 + 1)


_STEPS: dict[str, tuple[int, Callable[[datetime, int], datetime]]] = {
    "HourWindow": (60, lambda start, number: start + timedelta(minutes=number)),
    "DayWindow": (24, lambda start, number: start + timedelta(hours=number)),
    "WeekWindow": (7, lambda start, number: start + timedelta(days=number)),
    "QuarterWindow": (3, _months),
    "YearWindow": (12, _months),
}
