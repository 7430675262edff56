"""Plain values as Airflow's SDK serialises them (`airflow.sdk.serde`), without Airflow: an event's payload.

A payload has crossed one frame of msgpack already, so it holds only what msgpack has: a datetime is the one kind
that JSON lacks. What serde refuses is refused here too.
"""

from __future__ import annotations

import math
from datetime import UTC, datetime, timedelta
from typing import Any

RESERVED = ("__classname__", "__id__")
DEEPEST = 50


class NotEncodable(ValueError):
    """The value has no form that the task could read back."""


def encoded(value: Any, depth: int = 0) -> Any:
    """JSON data that `serde.deserialize` gives back as `value`. Raises NotEncodable."""
    if depth > DEEPEST:
        raise NotEncodable("it is nested too deeply")
    if value is None or isinstance(value, bool | int | str):
        return value
    if isinstance(value, float):
        if not math.isfinite(value):
            raise NotEncodable(f"{value} is no JSON number")
        return value
    if isinstance(value, datetime):
        return _instant(value)
    if isinstance(value, timedelta):
        return {"__classname__": "datetime.timedelta", "__version__": 2, "__data__": value.total_seconds()}
    if isinstance(value, list | tuple):
        return [encoded(each, depth + 1) for each in value]
    if isinstance(value, dict):
        for key in value:
            if not isinstance(key, str) or key in RESERVED:
                raise NotEncodable(f"the key {key!r} is not one that can be stored")
        return {key: encoded(each, depth + 1) for key, each in value.items()}
    raise NotEncodable(f"a {type(value).__name__} cannot be stored")


def _instant(value: datetime) -> dict[str, Any]:
    if value.tzinfo is None:
        zone: Any = None
        stamp = value.replace(tzinfo=UTC).timestamp()
    else:
        stamp = value.timestamp()
        zone = {
            "__classname__": "builtins.tuple",
            "__version__": 1,
            "__data__": ["UTC", "pendulum.tz.timezone.Timezone", 1, True],
        }
    return {
        "__classname__": "datetime.datetime",
        "__version__": 2,
        "__data__": {"timestamp": stamp, "tz": zone},
    }
