"""When a DAG runs: Airflow's timetable objects as `TimetableSpec`.

A tenant may use the SDK's classes (`airflow.sdk`) or core's of the same name (`airflow.timetables.…`); core
keeps its fields under a leading underscore. Any other class is the tenant's own: kind `custom`.
"""

from __future__ import annotations

import datetime
from typing import Any

from aerodrome_runtime.translate.assets import asset
from aerodrome_runtime.translate.cron_text import describe_cron
from aerodrome_runtime.translate.plain import Plain
from taskwire.dagspec import TimetableSpec

_SIMPLE = {
    "NullTimetable": ("null", "None", "Never, external triggers only"),
    "OnceTimetable": ("once", "@once", "Once, as soon as possible"),
    "ContinuousTimetable": (
        "continuous",
        "@continuous",
        "As frequently as possible, but only one run at a time.",
    ),
    "PartitionedAtRuntime": (
        "partition_runtime",
        "PartitionedAtRuntime",
        "Never, partition key(s) set at runtime",
    ),
}

_RELATIVE = ("years", "months", "days", "hours", "minutes", "seconds", "microseconds", "leapdays")
_ABSOLUTE = ("year", "month", "day", "hour", "minute", "second", "microsecond")


def timetable(*, source: Any, plain: Plain) -> TimetableSpec:
    """`source` in words. `summary` and `description` read as Airflow's own."""
    spec = _known(source, plain) if _is_airflow(source) else None
    if spec is None:
        spec = _custom(source, plain)
    spec.active_runs_limit = getattr(source, "active_runs_limit", None)
    spec.can_be_scheduled = bool(getattr(source, "can_be_scheduled", True))
    return spec


def timezone_name(*, source: Any) -> str:
    """Name of a time zone; a fixed offset as `+02:00`."""
    if isinstance(source, str):
        return source
    name = getattr(source, "name", None) or getattr(source, "key", None)
    return "UTC" if name in (None, "+00:00", "Z") else str(name)


def delta_fields(*, source: Any) -> dict[str, float]:
    """The non-zero fields of a timedelta or a relativedelta."""
    if isinstance(source, datetime.timedelta):
        fields = {"days": source.days, "seconds": source.seconds, "microseconds": source.microseconds}
        return {name: float(value) for name, value in fields.items() if value}
    told = {name: float(value) for name in _RELATIVE if (value := getattr(source, name, 0))}
    told |= {name: float(value) for name in _ABSOLUTE if (value := getattr(source, name, None)) is not None}
    if weekday := getattr(source, "weekday", None):
        told["weekday"] = float(weekday.weekday)
        if weekday.n:
            told["weekday_n"] = float(weekday.n)
    return told


def _is_airflow(source: Any) -> bool:
    module = type(source).__module__
    return module.startswith(("airflow.sdk.", "airflow.timetables."))


def _known(source: Any, plain: Plain) -> TimetableSpec | None:
    name = type(source).__name__
    if name in _SIMPLE:
        kind, summary, description = _SIMPLE[name]
        return TimetableSpec(kind=kind, summary=summary, description=description)
    match name:
        case "CronDataIntervalTimetable":
            return _cron(source, "cron")
        case "CronTriggerTimetable":
            return _windowed(_cron(source, "trigger_cron"), source)
        case "CronPartitionTimetable":
            spec = _windowed(_cron(source, "partition_cron"), source)
            spec.partition = {
                "run_offset": _field(source, "run_offset"),
                "key_format": _field(source, "key_format"),
            }
            return spec
        case "MultipleCronTriggerTimetable":
            return _multiple(source)
        case "DeltaDataIntervalTimetable" | "DeltaTriggerTimetable":
            kind = "delta" if name.startswith("DeltaData") else "trigger_delta"
            delta = _field(source, "delta")
            spec = TimetableSpec(kind=kind, summary=str(delta), delta=delta_fields(source=delta))
            return _windowed(spec, source) if kind == "trigger_delta" else spec
        case "EventsTimetable":
            return _events(source)
        case "AssetTriggeredTimetable":
            return _asset(source, plain, "asset")
        case "PartitionedAssetTimetable":
            return _partitioned(source, plain)
        case "AssetOrTimeSchedule":
            child = timetable(source=source.timetable, plain=plain)
            spec = _asset(source, plain, "asset_or_time")
            spec.child, spec.summary = child, f"Asset or {child.summary}"
            spec.description = f"Triggered by assets or {child.description}"
            return spec
    return None


def _field(source: Any, name: str) -> Any:
    return getattr(source, name) if hasattr(source, name) else getattr(source, f"_{name}")


def _cron(source: Any, kind: str) -> TimetableSpec:
    expression = _field(source, "expression")
    return TimetableSpec(
        kind=kind,
        expression=expression,
        summary=expression,
        description=describe_cron(expression=expression),
        timezone=timezone_name(source=_field(source, "timezone")),
    )


def _windowed(spec: TimetableSpec, source: Any) -> TimetableSpec:
    interval = _field(source, "interval")
    if isinstance(interval, datetime.timedelta):
        spec.interval_seconds = interval.total_seconds()
    else:
        spec.interval = delta_fields(source=interval)
    run_immediately = getattr(source, "run_immediately", getattr(source, "_run_immediately", False))
    if isinstance(run_immediately, datetime.timedelta):
        spec.run_immediately_seconds = run_immediately.total_seconds()
    else:
        spec.run_immediately = bool(run_immediately)
    return spec


def _multiple(source: Any) -> TimetableSpec:
    each = [_cron(child, "trigger_cron") for child in _field(source, "timetables")]
    spec = TimetableSpec(
        kind="multi_trigger_cron",
        expressions=[child.expression or "" for child in each],
        summary=", ".join(child.summary for child in each),
        description=", ".join(child.description for child in each),
        timezone=each[0].timezone,
    )
    return _windowed(spec, _field(source, "timetables")[0])


def _events(source: Any) -> TimetableSpec:
    events = sorted(set(source.event_dates))
    text = source.description if "between" not in (source.description or "between") else None
    summary = text or f"{len(events)} events"
    span = (
        f"{summary} between {events[0].isoformat()} and {events[-1].isoformat()}" if events else "No events"
    )
    return TimetableSpec(
        kind="events",
        instants=[event.isoformat() for event in events],
        restrict_to_events=bool(source.restrict_to_events),
        summary=summary,
        description=text or span,
    )


def _asset(source: Any, plain: Plain, kind: str) -> TimetableSpec:
    condition = asset(source=source.asset_condition, plain=plain)
    return TimetableSpec(kind=kind, summary="Asset", description="Triggered by assets", condition=condition)


def _partitioned(source: Any, plain: Plain) -> TimetableSpec:
    from airflow.serialization.encoders import encode_partition_mapper

    spec = _asset(source, plain, "partition_asset")
    spec.summary = "Partitioned Asset"
    spec.partition = {
        "default_mapper": plain.value(encode_partition_mapper(source.default_partition_mapper)),
        "mappers": [
            {"asset": asset(source=each, plain=plain), "mapper": plain.value(encode_partition_mapper(mapper))}
            for each, mapper in source.partition_mapper_config.items()
        ],
    }
    return spec


def _custom(source: Any, plain: Plain) -> TimetableSpec:
    serialize = getattr(source, "serialize", None)
    data = serialize() if callable(serialize) else {}
    path = plain.path(type(source))
    condition = getattr(source, "asset_condition", None)
    has_assets = type(condition).__name__ not in ("NoneType", "_NullAsset", "SerializedAssetAny")
    return TimetableSpec(
        kind="custom",
        summary=str(plain.value(getattr(source, "summary", type(source).__name__))),
        description=str(plain.value(getattr(source, "description", "") or "")),
        condition=asset(source=condition, plain=plain) if has_assets else None,
        custom={"path": path, "data": plain.value(data)},
    )
