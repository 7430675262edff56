"""Work that is due every so often, whoever it belongs to: stations register a job, `manage.py periodic` runs it.

A job is called as `run(now=…, using=…)` and returns one short line for operators, or nothing. It opens the scopes
it needs itself. It must be safe to run twice (a process may die between its commit and the note of it), bounded
(batches, with the rest left for the next time), and must not walk over tenants that have nothing to do. `what` is
shown to operators, who may change `every_seconds` and switch the job off: the schedule is a row, this is its default.
Doors register jobs of the stations in `api/periodic_jobs.py`; docs/adr/0029.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

_NAME = re.compile(r"[a-z][a-z_]*(?:\.[a-z][a-z_]*)+")


class JobInvalid(ValueError):
    """A job that cannot be registered: its name, its interval, or a second one of that name."""


class JobUnknown(LookupError):
    """This release knows no job of that name."""


class Run(Protocol):
    """What a job does; its answer is shown to operators and must hold no secret."""

    def __call__(self, *, now: datetime, using: str) -> str | None: ...


@dataclass(frozen=True, slots=True)
class Job:
    """`every_seconds` until an operator says otherwise; `at_most_seconds` is how long one statement of it may take,
    and how long nobody else starts it while a run says nothing."""

    name: str
    what: str
    run: Run
    every_seconds: int
    at_most_seconds: int


_jobs: dict[str, Job] = {}


def register(*, name: str, what: str, run: Run, every_seconds: int, at_most_seconds: int = 60) -> Job:
    """Make a job known to this process, e.g. `usage.roll_up`. Raises JobInvalid."""
    if not _NAME.fullmatch(name):
        raise JobInvalid(f"a job is named station.verb, not {name!r}")
    if every_seconds < 1 or at_most_seconds < 1:
        raise JobInvalid(f"{name}: the interval and the limit are at least one second")
    job = Job(name=name, what=what, run=run, every_seconds=every_seconds, at_most_seconds=at_most_seconds)
    known = _jobs.setdefault(name, job)
    if known.run is not run:
        raise JobInvalid(f"there are two jobs named {name}")
    return known


def jobs() -> list[Job]:
    """All that are registered, by name."""
    return sorted(_jobs.values(), key=lambda job: job.name)


def find(name: str) -> Job:
    """Raises JobUnknown."""
    try:
        return _jobs[name]
    except KeyError:
        raise JobUnknown(f"this release has no periodic job {name!r}") from None


def forget(name: str) -> None:
    """The reverse of `register`, for tests."""
    _jobs.pop(name, None)
