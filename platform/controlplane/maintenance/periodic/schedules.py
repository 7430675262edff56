"""Schedules as operators see and change them: each job with its interval and what became of its last run."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django_celery_beat.models import PeriodicTask

from controlplane.foundation.db import execute
from controlplane.foundation.periodic import JobUnknown
from controlplane.ledger.models.periodic_job import PeriodicJob
from controlplane.maintenance.periodic.beat import USING, ask, interval
from controlplane.maintenance.periodic.broker import TASK, application

SHORTEST_SECONDS, LONGEST_SECONDS = 1, 30 * 86_400


@dataclass(frozen=True, slots=True)
class Scheduled:
    """`every_seconds` is None where an operator gave it another kind of schedule (`schedule` says which)."""

    name: str
    what: str
    is_enabled: bool
    every_seconds: int | None
    schedule: str
    asked_at: datetime | None
    started_at: datetime | None
    ended_at: datetime | None
    is_running: bool
    outcome: str | None
    message: str | None
    runs: int
    failures: int


def list_jobs() -> list[Scheduled]:
    """Every job that has a schedule, by name."""
    noted = {row.name: row for row in PeriodicJob.objects.using(USING).all()}
    tasks = PeriodicTask.objects.filter(task=TASK).select_related("interval", "crontab", "solar", "clocked")
    return [_scheduled(task, noted.get(task.name)) for task in tasks.order_by("name")]


def find_job(name: str) -> Scheduled:
    """Raises JobUnknown."""
    task = _task(name)
    return _scheduled(task, PeriodicJob.objects.using(USING).filter(name=name).first())


def change_job(*, name: str, every_seconds: int | None, is_enabled: bool) -> Scheduled:
    """The beat takes it up within seconds. Raises JobUnknown."""
    task = _task(name)
    if every_seconds is not None:
        task.interval, task.crontab, task.solar, task.clocked = interval(every_seconds), None, None, None
    task.enabled = is_enabled
    task.save()
    return find_job(name)


def run_now(name: str) -> None:
    """Besides its schedule, also when it is switched off. Raises JobUnknown."""
    _task(name)
    execute("maintenance/sql/ask_jobs.sql", using=USING, names=[name])
    ask(application(), name)


def _task(name: str) -> Any:
    found = PeriodicTask.objects.filter(name=name, task=TASK).select_related("interval").first()
    if found is None:
        raise JobUnknown(f"there is no periodic job {name!r}")
    return found


def _scheduled(task: Any, noted: PeriodicJob | None) -> Scheduled:
    seconds = task.interval.schedule.run_every.total_seconds() if task.interval else None
    started, ended = (noted.started_at, noted.ended_at) if noted else (None, None)
    return Scheduled(
        name=task.name,
        what=task.description,
        is_enabled=task.enabled,
        every_seconds=None if seconds is None else int(seconds),
        schedule=str(task.scheduler),
        asked_at=noted.asked_at if noted else None,
        started_at=started,
        ended_at=ended,
        is_running=bool(noted and noted.lease_until),
        outcome=noted.outcome if noted else None,
        message=noted.message if noted else None,
        runs=noted.runs if noted else 0,
        failures=noted.failures if noted else 0,
    )
