"""The beat: schedules as rows, read by django-celery-beat; one process asks, by a lease in the database.

A schedule that came due while no beat ran is asked for once, not once for each time it missed. The row of the job
is written before the broker is told, so a broker that forgets loses nothing.
"""

from __future__ import annotations

import json
from typing import Any

import structlog
from celery import Celery
from django_celery_beat.models import IntervalSchedule, PeriodicTask
from django_celery_beat.schedulers import DatabaseScheduler

from controlplane.foundation.db import execute
from controlplane.foundation.periodic import Job, jobs
from controlplane.foundation.service import Service
from controlplane.ledger.models.periodic_job import PeriodicJob
from controlplane.maintenance.periodic.broker import EXPIRES_SECONDS, TASK
from controlplane.maintenance.periodic.work import owner

log = structlog.get_logger("periodic")

LEASE_SECONDS = 20.0
TICK_SECONDS = 5.0
UNANSWERED_SECONDS = 90.0
USING = "scheduler"


class LeasedScheduler(DatabaseScheduler):  # type: ignore[misc]  # the library has no types
    """django-celery-beat's scheduler, silent in every process but the one that holds the lease."""

    max_interval = TICK_SECONDS

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        # Before the rows are read: the library passes over what changes between that and its first look at this mark.
        self._last_timestamp = self.Changes.last_change()

    def tick(self, *args: Any, **kwargs: Any) -> float:
        if not execute("maintenance/sql/hold_beat.sql", using=USING, owner=owner(), seconds=LEASE_SECONDS):
            return TICK_SECONDS
        names = [
            row[0]
            for row in execute("maintenance/sql/list_unanswered.sql", using=USING, seconds=UNANSWERED_SECONDS)
        ]
        if names:
            log.warning("periodic.unanswered", jobs=names)
            execute("maintenance/sql/ask_jobs.sql", using=USING, names=names)
            for name in names:
                ask(self.app, name)
        return min(float(super().tick(*args, **kwargs)), TICK_SECONDS)

    def apply_async(self, entry: Any, producer: Any = None, advance: bool = True, **kwargs: Any) -> Any:
        if entry.task == TASK:
            execute("maintenance/sql/ask_jobs.sql", using=USING, names=list(entry.args))
        return super().apply_async(entry, producer=producer, advance=advance, **kwargs)


def ask(app: Celery, name: str) -> None:
    """Tell the workers that a job is due now."""
    app.send_task(TASK, args=[name], expires=EXPIRES_SECONDS)


def store_schedules() -> None:
    """A row for every job of this release; what operators changed in it stays as it is."""
    for job in jobs():
        _store(job)


def _store(job: Job) -> None:
    found = PeriodicTask.objects.filter(name=job.name).first()
    if found is None:
        found = PeriodicTask(
            name=job.name,
            task=TASK,
            args=json.dumps([job.name]),
            description=job.what,
            interval=interval(job.every_seconds),
            expire_seconds=EXPIRES_SECONDS,
        )
        found.save()
    PeriodicJob.objects.using(USING).get_or_create(name=job.name)


def interval(seconds: int) -> IntervalSchedule:
    """The row for an interval of so many seconds."""
    found = IntervalSchedule.objects.filter(every=seconds, period=IntervalSchedule.SECONDS).first()
    return found or IntervalSchedule.objects.create(every=seconds, period=IntervalSchedule.SECONDS)


def beat_service(app: Celery) -> Service:
    """The beat as a service: every few seconds, on a thread of the worker's process."""
    held: list[LeasedScheduler] = []

    def run_once(_: set[str]) -> float:
        if not held:
            store_schedules()
            held.append(LeasedScheduler(app=app, lazy=True))
        return held[0].tick()

    return Service(name="beat", run_once=run_once, using=USING, poll_seconds=TICK_SECONDS)
