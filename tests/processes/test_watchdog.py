"""Operators are told that the scheduler, or the database itself, does not answer: by a path that needs neither."""

from __future__ import annotations

import json
import os
import signal
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress

from tests.support.alerting import SIGNING
from tests.support.http_sink import HttpSink
from tests.support.stack import Stack, started_stack

MOST_SECONDS = 90.0


@contextmanager
def frozen(pid: int) -> Iterator[None]:
    """The process is there and says nothing: worse than one that died."""
    os.kill(pid, signal.SIGSTOP)
    try:
        yield
    finally:
        os.kill(pid, signal.SIGCONT)


def told(stack: Stack, sink: HttpSink, event: str, about: str) -> None:
    def is_there() -> bool:
        return any(
            one["type"] == f"alert.{event}" and one["data"]["rule"] == f"platform: {about}"
            for one in (posted.json() for posted in sink.posted)
        )

    stack.until(is_there, f"operators to hear alert.{event} of {about}", seconds=MOST_SECONDS)


def test_a_frozen_scheduler_and_a_frozen_database_page() -> None:
    with HttpSink() as sink:
        channel = {"kind": "webhook", "secret": {"url": f"{sink.url}/ops", "signing_secret": SIGNING}}
        variables = {
            "AERODROME_OPERATOR_CHANNELS": json.dumps([channel]),
            "AERODROME_NOTIFY_NETWORKS": "127.0.0.1/32",
        }
        with started_stack(**variables) as stack:
            begun = time.monotonic()
            with frozen(stack.pid("scheduler")):
                told(stack, sink, "opened", "scheduler")
            assert time.monotonic() - begun < MOST_SECONDS
            told(stack, sink, "resolved", "scheduler")
            with stack.database("sched") as cursor:
                cursor.execute("SELECT pid FROM pg_stat_activity WHERE usename = 'aerodrome_sched'")
                backends = [row[0] for row in cursor.fetchall()]
            frozen_ones = []
            for pid in [stack.pid("postgres"), *backends]:
                try:
                    os.kill(pid, signal.SIGSTOP)
                    frozen_ones.append(pid)
                except ProcessLookupError:
                    continue
            try:
                told(stack, sink, "opened", "database")
            finally:
                for pid in frozen_ones:
                    with suppress(ProcessLookupError):  # a backend may have been ending when it was stopped
                        os.kill(pid, signal.SIGCONT)
            told(stack, sink, "resolved", "database")
            opened = [
                posted.json()["data"]["rule"]
                for posted in sink.posted
                if posted.json()["type"] == "alert.opened"
            ]
            assert opened.count("platform: scheduler") == 1, "each trouble is told once"
