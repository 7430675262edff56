"""Periodic work: schedules are rows, one beat asks, each run is noted, what was lost is asked for again."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import Any

import pytest
from django_celery_beat.models import PeriodicTask

from controlplane.foundation import periodic
from controlplane.foundation.clock import utc_now
from controlplane.foundation.db import execute
from controlplane.ledger.models.periodic_job import PeriodicJob
from controlplane.maintenance.periodic import beat, work
from controlplane.maintenance.periodic.broker import TASK, application, broker_url

pytestmark = pytest.mark.usefixtures("database")

NAME = "test.count"


class Counting:
    """A job that counts its runs, and may fail or look at its own row."""

    def __init__(self) -> None:
        self.runs = 0
        self.inside: Any = None

    def __call__(self, *, now: datetime, using: str) -> str:
        self.runs += 1
        if self.inside:
            self.inside()
        return f"run {self.runs}"


@pytest.fixture
def job() -> Iterator[Counting]:
    counting = Counting()
    periodic.register(name=NAME, what="Counts", run=counting, every_seconds=60)
    yield counting
    periodic.forget(NAME)


@pytest.fixture
def asked(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """What the broker was told, job by job."""
    told: list[str] = []

    def send_task(name: str, args: Any = None, **_: Any) -> Any:
        assert name == TASK
        told.extend(args)

    app = application()
    monkeypatch.setattr(app, "send_task", send_task)
    monkeypatch.setattr(app.tasks[TASK], "apply_async", lambda args, kwargs, **_: send_task(TASK, args))
    return told


def row(name: str = NAME) -> PeriodicJob:
    return PeriodicJob.objects.using("scheduler").get(name=name)


def scheduler() -> beat.LeasedScheduler:
    return beat.LeasedScheduler(app=application(), lazy=True)


def rewind(**fields: Any) -> None:
    assert PeriodicJob.objects.using("scheduler").filter(name=NAME).update(**fields)


def test_a_run_is_noted(job: Counting) -> None:
    assert work.run_job(name=NAME, now=utc_now()) == "done"
    noted = row()
    assert (noted.outcome, noted.message, noted.runs, noted.failures) == ("done", "run 1", 1, 0)
    assert noted.lease_until is None
    assert noted.started_at is not None and noted.ended_at is not None


def test_a_failure_is_noted_without_its_words(job: Counting) -> None:
    def leak() -> None:
        raise ValueError("password=hunter2")

    job.inside = leak
    assert work.run_job(name=NAME, now=utc_now()) == "failed"
    assert (row().outcome, row().failures) == ("failed", 1)
    assert row().message == "ValueError: see the log"


def test_a_job_never_runs_twice_at_a_time(job: Counting) -> None:
    second: list[str | None] = []
    job.inside = lambda: second.append(work.run_job(name=NAME, now=utc_now()))
    work.run_job(name=NAME, now=utc_now())
    assert (job.runs, second) == (1, [None])


def test_a_run_that_was_given_up_says_nothing_any_more(job: Counting) -> None:
    job.inside = lambda: rewind(fence=7)
    work.run_job(name=NAME, now=utc_now())
    assert row().outcome is None
    assert row().ended_at is None


def test_what_no_release_knows_is_left_alone() -> None:
    assert work.run_job(name="test.gone", now=utc_now()) is None
    assert not PeriodicJob.objects.using("scheduler").exists()


def test_schedules_become_rows_that_operators_keep(job: Counting) -> None:
    beat.store_schedules()
    task = PeriodicTask.objects.get(name=NAME)
    assert (task.interval.every, task.description, task.enabled) == (60, "Counts", True)
    task.interval, task.enabled = beat.interval(5), False
    task.save()
    beat.store_schedules()
    task = PeriodicTask.objects.get(name=NAME)
    assert (task.interval.every, task.enabled) == (5, False)


def test_beats_that_were_missed_are_made_up_for_once(job: Counting, asked: list[str]) -> None:
    beat.store_schedules()
    PeriodicTask.objects.filter(name=NAME).update(last_run_at=utc_now() - timedelta(hours=5))
    one = scheduler()
    for _ in range(3):
        one.tick()
    assert asked == [NAME]
    later = scheduler()  # the process was killed and started again: when it last asked is in the row
    later.tick()
    assert asked == [NAME]


def test_a_change_right_after_the_first_look_counts(job: Counting) -> None:
    beat.store_schedules()
    one = scheduler()
    assert one.schedule[NAME].schedule.seconds == 60
    task = PeriodicTask.objects.get(name=NAME)
    task.interval = beat.interval(5)
    task.save()
    assert one.schedule[NAME].schedule.seconds == 5
    read = one.schedule
    assert one.schedule is read, "and is not read again until something changes"


def test_what_is_switched_off_is_not_asked_for(job: Counting, asked: list[str]) -> None:
    beat.store_schedules()
    PeriodicTask.objects.filter(name=NAME).update(last_run_at=utc_now() - timedelta(hours=5), enabled=False)
    scheduler().tick()
    assert asked == []


def test_one_beat_asks_and_another_takes_over(
    job: Counting, asked: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    beat.store_schedules()
    PeriodicTask.objects.filter(name=NAME).update(last_run_at=utc_now() - timedelta(hours=5))
    held = execute("maintenance/sql/hold_beat.sql", using="scheduler", owner="other:1", seconds=20.0)
    assert held == [("beat",)]
    one = scheduler()
    one.tick()
    assert asked == []
    PeriodicJob.objects.using("scheduler").filter(name="beat").update(
        lease_until=utc_now() - timedelta(seconds=1)
    )
    one.tick()
    one.tick()
    assert asked == [NAME]


def test_what_the_broker_lost_is_asked_for_again(job: Counting, asked: list[str]) -> None:
    beat.store_schedules()
    execute("maintenance/sql/ask_jobs.sql", using="scheduler", names=[NAME])
    one = scheduler()
    one.tick()
    assert asked == [], "it may still be on its way"
    rewind(asked_at=utc_now() - timedelta(seconds=beat.UNANSWERED_SECONDS + 1))
    one.tick()
    one.tick()
    assert asked == [NAME]


def test_a_run_whose_process_died_is_asked_for_again(job: Counting, asked: list[str]) -> None:
    beat.store_schedules()
    long_ago = utc_now() - timedelta(seconds=beat.UNANSWERED_SECONDS + 10)
    rewind(asked_at=long_ago, started_at=long_ago + timedelta(seconds=1), fence=1)
    rewind(lease_until=utc_now() + timedelta(seconds=60))
    one = scheduler()
    one.tick()
    assert asked == [], "its lease holds"
    rewind(lease_until=utc_now() - timedelta(seconds=1))
    one.tick()
    assert asked == [NAME]
    assert work.run_job(name=NAME, now=utc_now()) == "done"
    rewind(asked_at=long_ago)
    one.tick()
    assert asked == [NAME]


def test_a_real_message_goes_through_the_broker(job: Counting) -> None:
    app = application()
    app.conf.broker_url = broker_url(_redis())
    beat.ask(app, NAME)
    with app.connection_for_read() as link:
        queue = link.SimpleQueue(app.conf.task_default_queue)
        message = queue.get(timeout=5)
        assert message.payload[0] == [NAME]
        message.ack()


def _redis() -> str:
    from django.conf import settings

    return str(settings.CACHES["default"]["LOCATION"])


@pytest.mark.parametrize("name", ["", "one", "Two.words", "a.b; drop"])
def test_a_name_that_cannot_be_one_is_refused(name: str) -> None:
    with pytest.raises(periodic.JobInvalid):
        periodic.register(name=name, what="", run=Counting(), every_seconds=1)


def test_two_jobs_of_one_name_are_refused(job: Counting) -> None:
    with pytest.raises(periodic.JobInvalid):
        periodic.register(name=NAME, what="", run=Counting(), every_seconds=1)
