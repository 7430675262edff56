"""Partitions by cron: each instant of the expression is a partition, named by a key made of its local time."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Final

from domain.timetables.cron import CronGrid, cron_grid
from domain.timetables.instants import NextRun, TimetableInvalid
from domain.timetables.zones import from_wall
from taskwire.dagspec import TimetableSpec

KEY_FORMAT: Final = "%Y-%m-%dT%H:%M:%S"
MOST_OFFSET: Final = 1000
"""Partitions that a run may lie off its own: each is a step of the cron expression."""


def partition_run(spec: TimetableSpec, due: datetime) -> NextRun:
    """The run due at `due`, an instant of the grid: its partition is `run_offset` instants away from it."""
    grid, offset = _grid(spec), _offset(spec)
    partition = due
    for _ in range(abs(offset)):
        partition = grid.after(partition) if offset > 0 else grid.before(partition)
    return _run(spec, grid, due, partition)


def partitions_between(spec: TimetableSpec, earliest: datetime, latest: datetime) -> Iterator[NextRun]:
    """A run per partition from `earliest` to `latest`, both inclusive and read on the timetable's own clock.

    As in Airflow a backfill counts partitions, not runs: each is due at its own instant, whatever the offset.
    """
    grid = _grid(spec)
    current = grid.at_or_after(from_wall(earliest.replace(tzinfo=None), grid.zone))
    last = from_wall(latest.replace(tzinfo=None), grid.zone)
    while current <= last:
        yield _run(spec, grid, current, current)
        current = grid.after(current)


def partition_date_of(spec: TimetableSpec, key: str) -> datetime:
    """The instant that a key means. Raises `TimetableInvalid` when it is not in the timetable's format."""
    text = _format(spec)
    try:
        wall = datetime.strptime(key, text)
    except ValueError as problem:
        raise TimetableInvalid(
            f"Partition key {key!r} does not match the timetable's key_format {text!r}: {problem}"
        ) from problem
    return from_wall(wall.replace(tzinfo=None), _grid(spec).zone)


def localised(spec: TimetableSpec, wall: datetime) -> datetime:
    """The instant at which the timetable's own clock shows `wall`; in UTC for one that has none."""
    zone = _grid(spec).zone if spec.kind == "partition_cron" else UTC
    return from_wall(wall.replace(tzinfo=None), zone)


def check_partition(spec: TimetableSpec) -> None:
    """Raise `TimetableInvalid` when offset or format make no sense."""
    _offset(spec)
    _format(spec)


def _run(spec: TimetableSpec, grid: CronGrid, due: datetime, partition: datetime) -> NextRun:
    key = partition.astimezone(grid.zone).strftime(_format(spec))
    return NextRun(
        logical_date=None, interval=None, run_after=due, partition_key=key, partition_date=partition
    )


def _grid(spec: TimetableSpec) -> CronGrid:
    return cron_grid(expression=spec.expression, timezone=spec.timezone)


def _offset(spec: TimetableSpec) -> int:
    offset = (spec.partition or {}).get("run_offset") or 0
    if not isinstance(offset, int) or abs(offset) > MOST_OFFSET:
        raise TimetableInvalid(f"the run_offset {offset!r} must be a whole number of at most {MOST_OFFSET}")
    return offset


def _format(spec: TimetableSpec) -> str:
    text = (spec.partition or {}).get("key_format") or KEY_FORMAT
    if not isinstance(text, str) or "\0" in text:
        raise TimetableInvalid(f"the key_format {text!r} is no format of a date")
    return text
