"""The worker: Celery's own, with a few threads in one process, so that one slow job does not hold up the others."""

from __future__ import annotations

import warnings
from typing import Any

from celery import Celery

THREADS = 4


def run_worker(app: Celery) -> None:
    """Until TERM; jobs that run are let end."""
    warnings.filterwarnings("ignore", message="You're running the worker with superuser privileges")
    worker: Any = app.Worker(
        pool="threads",
        concurrency=THREADS,
        without_gossip=True,
        without_mingle=True,
        without_heartbeat=True,
        hostname="periodic@%h",
        loglevel="WARNING",
        quiet=True,
    )
    worker.start()
