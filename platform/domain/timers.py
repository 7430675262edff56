"""Which triggers are nothing but an instant: they need no process to wait for it.

`DateTimeTrigger` and `TimeDeltaTrigger` of Airflow's standard provider, by the names they serialise to and by
their older ones. What cannot be read for certain (a template, a value of an unknown kind) is no timer here: a
triggerer then runs the real class.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, Final

_MODULES: Final = (
    "airflow.providers.standard.triggers.temporal",
    "airflow.triggers.temporal",
)
MOMENT: Final = frozenset(f"{module}.DateTimeTrigger" for module in _MODULES)
DELTA: Final = frozenset(f"{module}.TimeDeltaTrigger" for module in _MODULES)
_DATES: Final = frozenset({"datetime.datetime", "pendulum.datetime.DateTime"})


@dataclass(frozen=True, slots=True)
class Timer:
    """When it fires, with which payload (as Airflow's SDK encodes it), and the state it ends its task in, if any."""

    wake_at: datetime
    event: dict[str, Any] | None
    ends: str | None


def timer_of(*, classpath: str, kwargs: Any, now: datetime) -> Timer | None:
    """The timer that this trigger is, or None. `kwargs` as Airflow's SDK encodes them."""
    if classpath not in MOMENT | DELTA or not isinstance(kwargs, Mapping):
        return None
    kwargs = _plain(kwargs)
    given = set(kwargs) - {"end_from_trigger"}
    ends = kwargs.get("end_from_trigger", False)
    if not isinstance(kwargs, Mapping) or not isinstance(ends, bool):
        return None
    try:
        if classpath in DELTA and given == {"delta"}:
            length = _length(kwargs["delta"])
            wake_at = None if length is None else now + length
        elif classpath in MOMENT:
            # Airflow wants exactly one of the two; its `serialize` names only one.
            named = {name for name in given if kwargs[name] is not None}
            if named == {"moment"} and given <= {"moment", "target_time"}:
                wake_at = _instant(kwargs["moment"], text=False)
            elif named == {"target_time"} and given <= {"moment", "target_time"}:
                wake_at = _instant(kwargs["target_time"], text=True)
            else:
                return None
        else:
            return None
    except (OverflowError, OSError, ValueError):
        return None
    if wake_at is None:
        return None
    return Timer(wake_at, None if ends else moment(wake_at), "success" if ends else None)


def moment(at: datetime) -> dict[str, Any]:
    """An instant as the SDK encodes pendulum's DateTime in UTC: the payload of a DateTimeTrigger."""
    return _encoded(at, "pendulum.datetime.DateTime")


def instant(at: datetime) -> dict[str, Any]:
    """An instant as the SDK encodes a datetime in UTC."""
    return _encoded(at, "datetime.datetime")


def _encoded(at: datetime, classname: str) -> dict[str, Any]:
    zone = {
        "__classname__": "builtins.tuple",
        "__version__": 1,
        "__data__": ["UTC", "pendulum.tz.timezone.Timezone", 1, True],
    }
    return {
        "__classname__": classname,
        "__version__": 2,
        "__data__": {"timestamp": at.timestamp(), "tz": zone},
    }


def _plain(value: Any) -> Any:
    """Without the wrapping of Airflow's older serialisation, which the kwargs of an old task may have."""
    if (
        isinstance(value, Mapping)
        and value.get("__type") == "dict"
        and isinstance(value.get("__var"), Mapping)
    ):
        return value["__var"]
    return value


def _instant(value: Any, *, text: bool) -> datetime | None:
    if isinstance(value, Mapping):
        if value.get("__classname__") in _DATES and isinstance(value.get("__data__"), Mapping):
            return _stamp(value["__data__"].get("timestamp"))
        if value.get("__type") == "datetime":
            return _stamp(value.get("__var"))
        return None
    if not text or not isinstance(value, str):
        return None
    try:
        found = datetime.fromisoformat(value)
    except ValueError:
        return None
    # Without an offset it is in the tenant's default time zone: that is the real class's business.
    return None if found.tzinfo is None else found.astimezone(UTC)


def _stamp(value: Any) -> datetime | None:
    if isinstance(value, bool) or not isinstance(value, int | float):
        return None
    return datetime.fromtimestamp(value, tz=UTC)


def _length(value: Any) -> timedelta | None:
    if isinstance(value, Mapping):
        if value.get("__classname__") == "datetime.timedelta":
            value = value.get("__data__")
        elif value.get("__type") == "timedelta":
            value = value.get("__var")
    if isinstance(value, bool) or not isinstance(value, int | float):
        return None
    return timedelta(seconds=value)
