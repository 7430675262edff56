"""One run of one job: begun and ended in its row, never twice at a time, its failure told and not raised.

Called by a Celery worker's thread, and by operators' doors through the broker. A process that dies leaves its row
begun; when the lease is over the beat asks for the job again.
"""

from __future__ import annotations

import os
import socket
from datetime import datetime

import structlog
from django.db import close_old_connections, connections

from controlplane.foundation.db import execute
from controlplane.foundation.periodic import JobUnknown, find

log = structlog.get_logger("periodic")

LONGEST_MESSAGE = 500


def owner() -> str:
    """This process, for people who look at leases."""
    return f"{socket.gethostname()}:{os.getpid()}"[:200]


def run_job(*, name: str, now: datetime, using: str = "scheduler") -> str | None:
    """Run it unless a run goes on; its outcome (`done` or `failed`), or None when there was nothing to do."""
    close_old_connections()
    try:
        job = find(name)
    except JobUnknown as error:
        log.warning("periodic.unknown", job=name, error=str(error))
        return None
    begun = execute(
        "maintenance/sql/begin_job.sql",
        using=using,
        name=name,
        owner=owner(),
        seconds=float(job.at_most_seconds),
    )
    if not begun:
        return None
    try:
        _limit(job.at_most_seconds, using)
        message, outcome = job.run(now=now, using=using), "done"
    except Exception as error:
        # Its class alone goes to operators: a message may quote what somebody stored.
        log.exception("periodic.failed", job=name)
        message, outcome = f"{type(error).__name__}: see the log", "failed"
    finally:
        _limit(0, using)
    execute(
        "maintenance/sql/end_job.sql",
        using=using,
        name=name,
        fence=begun[0][0],
        outcome=outcome,
        message=message[:LONGEST_MESSAGE] if message else None,
    )
    log.info("periodic.ran", job=name, outcome=outcome, message=message)
    return outcome


def _limit(seconds: int, using: str) -> None:
    """How long one statement may take on this connection; 0 for no limit."""
    if connections[using].in_atomic_block:  # what it left open is rolled back by who opened it
        return
    with connections[using].cursor() as cursor:
        cursor.execute("SET statement_timeout = %s", [seconds * 1000])
