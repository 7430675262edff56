"""Who is speaking, and may he still? Every call of the Task Execution API begins here.

A token proves that its bearer was given one attempt. Whether that attempt still counts is in the row: the
epoch says whether another one took its place, the state whether it is running. Nothing is cached.
Called by `api/execution`, inside the scope of the token's tenant.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import Enum
from uuid import UUID

from controlplane.execution.tokens import Claims
from controlplane.foundation.db import execute

SETTLING_SECONDS = 30.0
"""How long after its outcome an attempt may still speak in a low voice. Airflow's task process reports its state
first and then runs callbacks and listeners, which read connections and push extra links as XComs; its own bound
for that is `[core] task_success_overtime`, 20 s."""

RUNNING = frozenset({"running", "restarting"})


class Stage(Enum):
    """From when until when in its life an attempt may make a call."""

    RUNNING = "running"
    SETTLING = "running, and shortly after"
    WHOLE = "queued, running, and shortly after"
    ANY = "the call compares the state itself"


class AttemptUnknown(LookupError):
    """The tenant has no such task instance (any more)."""


class AttemptSuperseded(Exception):
    """Another attempt of this task instance took the place of the token's: retry, clear or rescue."""

    def __init__(self, state: str | None) -> None:
        super().__init__("Another attempt of this task instance has taken its place")
        self.state = state


class AttemptOver(Exception):
    """The attempt is the newest one, but not at a stage at which it may do this."""

    def __init__(self, state: str | None) -> None:
        super().__init__("The task instance is not running, so it may not do this")
        self.state = state


@dataclass(frozen=True, slots=True)
class Attempt:
    """The row behind a token, as it is now."""

    id: UUID
    epoch: int
    state: str | None
    dag_id: str
    run_id: str
    task_id: str
    map_index: int
    hostname: str
    pid: int | None


def find_attempt(*, claims: Claims, stage: Stage, now: datetime) -> Attempt:
    """The attempt that the token names. Raises AttemptUnknown, AttemptSuperseded, AttemptOver."""
    if claims.callback is not None:
        return _callback(claims)
    rows = execute("execution/sql/find_attempt.sql", id=claims.task_instance_id)
    if not rows:
        return _watcher(claims, stage)
    *facts, end_date = rows[0]
    attempt = Attempt(*facts)
    if attempt.epoch != claims.epoch:
        raise AttemptSuperseded(attempt.state)
    if attempt.state in RUNNING or stage is Stage.ANY:
        return attempt
    if stage is Stage.WHOLE and attempt.state == "queued":
        return attempt
    if attempt.state == "deferred" and stage in (Stage.SETTLING, Stage.WHOLE):
        return attempt  # its trigger asks
    settled_at = end_date and end_date + timedelta(seconds=SETTLING_SECONDS)
    if stage is Stage.RUNNING or attempt.state == "queued" or settled_at is None or settled_at <= now:
        raise AttemptOver(attempt.state)
    return attempt


def _callback(claims: Claims) -> Attempt:
    """Who speaks for a callback: it has begun under this claim and is not over. It is no attempt: with the nil
    epoch it can write nothing of a task instance."""
    rows = execute("execution/sql/find_callback.sql", id=claims.callback)
    if not rows:
        raise AttemptUnknown("Callback not found")
    task_instance, fence, state, *names = rows[0]
    if fence != claims.epoch:
        raise AttemptSuperseded(state)
    if state != "running":
        raise AttemptOver(state)
    return Attempt(task_instance or claims.task_instance_id, -1, state, *names, hostname="", pid=None)


def _watcher(claims: Claims, stage: Stage) -> Attempt:
    """Who speaks for an asset watcher's trigger: no attempt, it may only ask."""
    rows = execute("execution/sql/find_watcher.sql", id=claims.task_instance_id, epoch=claims.epoch)
    if not rows or stage not in (Stage.SETTLING, Stage.WHOLE):
        raise AttemptUnknown("Task Instance not found")
    return Attempt(claims.task_instance_id, -1, "deferred", "", "", "", -1, hostname="", pid=None)
