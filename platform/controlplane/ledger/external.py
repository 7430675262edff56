"""Attempts that supervisors other than our agents run: Airflow's own, or another language's.

No agent beats for them: each is watched by its own heartbeat, through a work item that is due when it has been
silent for too long.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

from controlplane.foundation.db import execute
from controlplane.ledger.rescue import lose_tasks

PATIENCE_SECONDS = 300.0
"""Airflow's `scheduler.task_instance_heartbeat_timeout`; a tenant may set another (`heartbeat_timeout_seconds`)."""


def start_external(
    *,
    task_instance: UUID,
    epoch: int,
    hostname: str,
    unixname: str,
    pid: int,
    now: datetime,
    using: str = "default",
) -> tuple[Any, ...] | None:
    """A queued attempt starts; a row for `run_context`, None if not queued."""
    rows = execute(
        "ledger/sql/start_external.sql",
        using=using,
        id=task_instance,
        epoch=epoch,
        hostname=hostname,
        unixname=unixname,
        pid=pid,
        patience=PATIENCE_SECONDS,
        now=now,
    )
    return rows[0] if rows else None


def read_started(
    *, task_instance: UUID, epoch: int, hostname: str, unixname: str, pid: int, using: str = "default"
) -> tuple[Any, ...] | None:
    """The attempt that this very process started before; the columns of `start_external`."""
    rows = execute(
        "ledger/sql/read_started.sql",
        using=using,
        id=task_instance,
        epoch=epoch,
        hostname=hostname,
        unixname=unixname,
        pid=pid,
    )
    return rows[0] if rows else None


def lose_silent(*, ids: Sequence[UUID], now: datetime, using: str) -> set[tuple[UUID, int]]:
    """Of these attempts, those that were not heard of are lost; the others are looked at again. Returns the lost."""
    rows = execute(
        "ledger/sql/watch_silent.sql", using=using, ids=list(ids), patience=PATIENCE_SECONDS, now=now
    )
    lost = [(row[0], row[1], f"its supervisor has been silent for {row[2]:.0f} seconds") for row in rows]
    return lose_tasks(attempts=lost, now=now, using=using) if lost else set()
