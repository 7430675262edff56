"""A tenant's own Timetable class is asked in the tenant's runtime: the question and the answer."""

from __future__ import annotations

from taskwire.dagspec import Struct
from taskwire.parsing import ImportFailure

RUNS_PER_ANSWER = 32
"""Runs that one answer tells ahead, so that a DAG of every five minutes asks every three hours."""


PAST_PER_ANSWER = 2000
"""Runs of the past that one answer tells: a few hundred kilobytes."""


class Span(Struct, kw_only=True):
    """A data interval, ISO 8601 with a time zone."""

    start: str
    end: str


class RunInfo(Struct, kw_only=True):
    """Airflow's `DagRunInfo`, with the id that the timetable gives a scheduled run of it."""

    run_after: str
    interval: Span | None = None
    partition_key: str | None = None
    partition_date: str | None = None
    run_id: str | None = None


class ManualRun(Struct, kw_only=True):
    """A run that a person asked for, and the data interval it gets. `problem` when the timetable gave none."""

    run: str
    """UUID of the run."""
    run_after: str
    interval: Span | None = None
    problem: str | None = None


class Past(Struct, kw_only=True):
    """Also tell the runs from `start` to `end` that are complete at `now`, `count` of them after `last`: for a
    backfill, which knows no start and end of the DAG."""

    start: str
    end: str
    now: str
    last: RunInfo | None = None
    count: int = PAST_PER_ANSWER


class PastRuns(Struct, kw_only=True):
    """`over`: the timetable has none after these. `problem`: what it raised before it told the first."""

    runs: list[RunInfo] = []
    over: bool = False
    problem: str | None = None


class TimetableOrder(Struct, kw_only=True):
    """Load `path` of the bundle, and ask the timetable of `dag_id` for its next `count` runs after `last`."""

    bundle_digest: str
    runtime_digest: str
    path: str
    dag_id: str
    last: RunInfo | None = None
    earliest: str | None = None
    latest: str | None = None
    catchup: bool = False
    count: int = RUNS_PER_ANSWER
    manual: list[ManualRun] = []
    past: Past | None = None
    seconds: float = 30.0
    memory_bytes: int = 512 * 1024 * 1024
    output_bytes: int = 1024 * 1024


class TimetableReport(Struct, kw_only=True):
    """`over`: the timetable has no run after these. `failure`: it could not be asked, or raised."""

    dag_id: str
    runs: list[RunInfo] = []
    over: bool = False
    manual: list[ManualRun] = []
    past: PastRuns | None = None
    failure: ImportFailure | None = None
