"""kill -9 of the process that runs periodic work: it comes back, is the beat again, and goes on from the rows."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from tests.support.stack import Stack

JOB = "xcoms.sweep"


def _job(stack: Stack, name: str = JOB) -> tuple[Any, ...]:
    with stack.database("sched") as cursor:
        cursor.execute(
            "SELECT outcome, runs, ended_at, lease_owner FROM periodic_job WHERE name = %s", [name]
        )
        row = cursor.fetchone()
    return tuple(row) if row else (None, 0, None, None)


def _every(stack: Stack, seconds: int) -> None:
    """What an operator does who changes the interval: a row, and the mark that rows changed."""
    with stack.database("sched") as cursor:
        cursor.execute(
            "INSERT INTO django_celery_beat_intervalschedule (every, period) VALUES (%s, 'seconds') RETURNING id",
            [seconds],
        )
        made = cursor.fetchone()[0]
        cursor.execute(
            "UPDATE django_celery_beat_periodictask SET interval_id = %s, last_run_at = now() - interval '9 hours'"
            " WHERE name = %s",
            [made, JOB],
        )
        assert cursor.rowcount == 1
        cursor.execute("UPDATE django_celery_beat_periodictasks SET last_update = now()")


def test_killed_it_goes_on_where_its_rows_are(stack: Stack) -> None:
    stack.until(lambda: _job(stack, "beat")[3], "one process to be the beat")
    before = _job(stack)[1]
    _every(stack, 3600)
    stack.until(lambda: _job(stack)[1] > before, "an overdue job to run")
    outcome, ran, ended, _ = _job(stack)
    assert (outcome, ran) == ("done", before + 1), "once, though nine hours were missed"
    pid = stack.kill("periodic")
    stack.until_restarted("periodic", pid=pid)
    beaten = _job(stack, "beat")[3]
    assert isinstance(ended, datetime)
    stack.until(lambda: _job(stack, "beat")[3] != beaten, "the new process to take the beat's lease")
    _every(stack, 1)
    stack.until(lambda: _job(stack)[1] > ran + 2, "it to run every second")
    _every(stack, 600)


def test_the_broker_may_die(stack: Stack) -> None:
    _every(stack, 1)
    ran = _job(stack)[1]
    stack.until_restarted("valkey", pid=stack.kill("valkey"))
    stack.until(lambda: _job(stack)[1] > ran + 2, "jobs to run again")
    _every(stack, 600)
