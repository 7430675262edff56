"""Small things of Airflow 2 that have no successor, written anew. Each names its modern spelling."""

from __future__ import annotations

import datetime
from typing import Any

import pendulum


class SubDagsGone(ImportError):
    """A file asks for sub-DAGs, which Airflow removed for good."""


def days_ago(n: int, hour: int = 0, minute: int = 0, second: int = 0, microsecond: int = 0) -> Any:
    """Midnight (or the given time) UTC, `n` days ago."""
    today = pendulum.now("UTC").replace(hour=hour, minute=minute, second=second, microsecond=microsecond)
    return today.subtract(days=n)


def date_range(start_date: Any, end_date: Any = None, num: int | None = None, delta: Any = None) -> list[Any]:
    """Instants from `start_date` on, `delta` (timedelta or days) apart: up to `end_date`, or `num` of them."""
    if delta is None:
        return []
    if end_date is not None and num is not None:
        raise ValueError("give end_date or num, not both")
    step = delta if isinstance(delta, datetime.timedelta) else datetime.timedelta(days=delta)
    if end_date is None:
        return sorted(start_date + step * n for n in range(abs(num or 0)))
    told = []
    while start_date <= end_date:
        told.append(start_date)
        start_date += step
    return told


def round_time(dt: Any, delta: datetime.timedelta, start_date: Any = None) -> Any:
    """The multiple of `delta` after `start_date` that is nearest to `dt`."""
    origin = start_date if start_date is not None else dt.replace(hour=0, minute=0, second=0, microsecond=0)
    return origin + delta * round((dt - origin) / delta)


def parse_execution_date(execution_date_str: str) -> Any:
    """An instant from text."""
    return pendulum.parse(execution_date_str)


def infer_time_unit(time_seconds_arr: list[float]) -> str:
    """The unit in which the longest of some durations reads best."""
    longest = max(time_seconds_arr, default=0.0)
    for unit, bound in (("seconds", 120), ("minutes", 7200), ("hours", 172800)):
        if longest <= bound:
            return unit
    return "days"


def apply_defaults(func: Any) -> Any:
    """Nothing to do: every operator applies its default arguments by itself."""
    return func


def DatasetOrTimeSchedule(*, timetable: Any, datasets: Any) -> Any:
    """Airflow 2's name and keyword for `AssetOrTimeSchedule`."""
    from airflow.sdk import AssetOrTimeSchedule

    return AssetOrTimeSchedule(timetable=timetable, assets=datasets)


def __getattr__(name: str) -> Any:
    if name == "no_subdags":
        raise SubDagsGone(
            "SubDagOperator was removed from Airflow: use a task group (from airflow.sdk import TaskGroup)"
        )
    raise AttributeError(name)


for _function, _spelling in (
    (days_ago, 'a fixed start date: pendulum.datetime(2024, 1, 1, tz="UTC")'),
    (date_range, "pendulum.interval(start, end).range('days')"),
    (round_time, "arithmetic on datetime"),
    (parse_execution_date, "pendulum.parse(text)"),
    (infer_time_unit, "a unit of your own choice"),
    (apply_defaults, "remove the decorator"),
    (DatasetOrTimeSchedule, "from airflow.sdk import AssetOrTimeSchedule"),
):
    setattr(_function, "modern_spelling", _spelling)  # noqa: B010
