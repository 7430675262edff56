"""What planning needs of a DAG version, kept on the DAG's row: reading a whole spec to plan a run costs more
than planning it."""

from __future__ import annotations

from datetime import UTC, datetime

from domain.timetables.evaluate import next_run
from domain.timetables.instants import Interval, NextRun
from taskwire.dagspec import DagSpec, Struct, TimetableSpec

NON_PERIODIC = frozenset({"null", "once", "continuous", "asset", "partition_asset", "partition_runtime"})
"""Kinds that have no series of instants: they cannot be backfilled."""


class Schedule(Struct, kw_only=True):
    """`earliest` and `latest` are ISO 8601 instants, inclusive, as Airflow takes them of the DAG and its tasks."""

    timetable: TimetableSpec
    earliest: str | None = None
    latest: str | None = None
    catchup: bool = False
    run_types: list[str] | None = None
    """Airflow's `allowed_run_types`."""

    def allows(self, run_type: str) -> bool:
        return self.run_types is None or run_type in self.run_types

    def next(self, *, last: Interval | None, now: datetime) -> NextRun | None:
        """The run to create next. Raises `TimetableInvalid`."""
        return next_run(
            spec=self.timetable,
            last=last,
            start_at=_instant(self.earliest),
            end_at=_instant(self.latest),
            catchup=self.catchup,
            now=now,
        )

    @property
    def is_periodic(self) -> bool:
        return self.timetable.kind not in NON_PERIODIC

    @property
    def is_partitioned(self) -> bool:
        return self.timetable.kind in ("partition_cron", "partition_asset")


def schedule_of(spec: DagSpec) -> Schedule:
    """As Airflow's `_time_restriction`: the earliest start of all; the latest end when every task has one."""
    starts = [text for text in (spec.start_date, *(task.start_date for task in spec.tasks)) if text]
    ends = [task.end_date for task in spec.tasks if task.end_date]
    latest = spec.end_date
    if len(ends) == len(spec.tasks):
        latest = max([*ends, *([spec.end_date] if spec.end_date else [])], key=_key, default=None)
    return Schedule(
        timetable=spec.timetable,
        earliest=min(starts, key=_key, default=None),
        latest=latest,
        catchup=spec.catchup,
        run_types=spec.allowed_run_types,
    )


def _instant(text: str | None) -> datetime | None:
    if text is None:
        return None
    found = datetime.fromisoformat(text)
    return found if found.tzinfo else found.replace(tzinfo=UTC)


def _key(text: str) -> datetime:
    return _instant(text) or datetime.min.replace(tzinfo=UTC)
