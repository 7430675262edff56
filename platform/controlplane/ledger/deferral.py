"""Tasks that wait without a worker: for a trigger, for an instant, for a person. Each function moves a set.

Nothing here holds a slot: a timer is a row and a work item, a question is a row, and only other triggers have
a workload. What a task goes on with is written as Airflow's SDK reads it (`next_method`, `next_kwargs`).
Called by `execution` (reports), `triggerer` (events), the scheduler (what is due), inside their transactions.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from controlplane.foundation.db import TRIGGERS, execute, json_list, json_parameter, notify
from domain.retries import delay_seconds, should_retry

FAIL = "__fail__"
"""Airflow's `next_method` of a task that is resumed only to fail."""
TIMED_OUT = "Trigger timeout"
FAILED = "Trigger failure"
"""Airflow's `TriggerFailureReason`: the first is raised as TaskDeferralTimeout, any other as TaskDeferralError."""


@dataclass(frozen=True, slots=True)
class Deferral:
    """What an attempt waits for. `wake_at`, `event` and `ends` of a timer only; `starts`: no worker had it yet."""

    id: UUID
    epoch: int
    classpath: str
    kwargs: Any
    queue: str | None = None
    timeout_at: datetime | None = None
    wake_at: datetime | None = None
    event: Any = None
    ends: str | None = None
    starts: bool = False


@dataclass(frozen=True, slots=True)
class Fired:
    """A trigger's word. Exactly one of: an event (encoded by serde), a `failure` (traceback lines), `ends`."""

    id: UUID
    epoch: int
    event: Any = None
    failure: Failure | None = None
    ends: str | None = None


@dataclass(frozen=True, slots=True)
class Failure:
    """Why a task cannot be resumed: Airflow's reason (or ours), and lines for its log."""

    error: str
    traceback: list[str] | None = None

    def kwargs(self) -> dict[str, Any]:
        if self.traceback is None:
            return {"error": self.error}
        return {"error": self.error, "traceback": self.traceback}


def defer_tasks(*, deferrals: Sequence[Deferral], now: datetime, using: str = "default") -> bool:
    """Triggers of instances that are `deferred` under these epochs; whether any of them needs a triggerer."""
    rows = execute(
        "ledger/sql/defer_tasks.sql",
        using=using,
        ids=[d.id for d in deferrals],
        epochs=[d.epoch for d in deferrals],
        classpaths=[d.classpath for d in deferrals],
        kwargs=json_list([d.kwargs for d in deferrals]),
        queues=[d.queue for d in deferrals],
        timeouts=[d.timeout_at for d in deferrals],
        wakes=[d.wake_at for d in deferrals],
        events=json_list([d.event for d in deferrals]),
        ends=[d.ends for d in deferrals],
        starts=[d.starts for d in deferrals],
        now=now,
    )
    return any(not timer for _, timer in rows)


def fire(*, fired: Sequence[Fired], now: datetime, using: str = "default") -> set[tuple[UUID, int]]:
    """Tasks go on, fail or end as their triggers say; returns what moved. The first word of a trigger counts."""
    moved: set[tuple[UUID, int]] = set()
    if resumed := [f for f in fired if f.ends is None]:
        rows = execute(
            "ledger/sql/resume_tasks.sql",
            using=using,
            ids=[f.id for f in resumed],
            epochs=[f.epoch for f in resumed],
            events=[None if f.failure else json_parameter(f.event) for f in resumed],
            methods=[FAIL if f.failure else None for f in resumed],
            kwargs=json_list([f.failure.kwargs() if f.failure else None for f in resumed]),
            now=now,
        )
        moved |= {(row[0], row[1]) for row in rows}
    if ended := [f for f in fired if f.ends is not None]:
        moved |= _end(ended, now, using)
    return moved


def wake_triggers(*, ids: Sequence[UUID], now: datetime, using: str) -> bool:
    """Timers that are due fire, triggers that waited too long time out. Whether a task ended by that."""
    rows = execute("ledger/sql/due_triggers.sql", using=using, ids=list(ids), now=now)
    fired = [
        Fired(id=row_id, epoch=epoch, event=event, ends=ends)
        if fires
        else Fired(id=row_id, epoch=epoch, failure=Failure(TIMED_OUT))
        for row_id, epoch, fires, event, ends in rows
    ]
    if not fired:
        return False
    fire(fired=fired, now=now, using=using)
    return any(f.ends for f in fired)


def time_out_input(*, ids: Sequence[UUID], now: datetime, using: str) -> None:
    """Questions that nobody answered in time: their defaults count, or the task goes on to its time-out."""
    late = list(ids)
    execute("ledger/sql/default_answers.sql", using=using, ids=late, now=now)
    resume_answered(ids=late, now=now, using=using)
    execute("ledger/sql/fail_unanswered.sql", using=using, ids=late, now=now)


def resume_answered(*, ids: Sequence[UUID], now: datetime, using: str = "default") -> list[UUID]:
    """Tasks whose question is answered go on. Returns those that did."""
    rows = execute("ledger/sql/resume_answered.sql", using=using, ids=list(ids), now=now)
    return [row[0] for row in rows]


def release_triggers(*, attempts: Sequence[tuple[UUID, int]], using: str = "default") -> None:
    """These may be claimed again: their agent lets go of them, or is gone."""
    execute(
        "ledger/sql/release_triggers.sql",
        using=using,
        ids=[a[0] for a in attempts],
        epochs=[a[1] for a in attempts],
    )
    notify(TRIGGERS, using=using)


def _end(fired: Sequence[Fired], now: datetime, using: str) -> set[tuple[UUID, int]]:
    """A failure becomes a retry while tries are left, as when a worker had failed it."""
    due: dict[UUID, datetime] = {}
    if failing := [f.id for f in fired if f.ends == "failed"]:
        for row in execute("ledger/sql/read_attempts.sql", using=using, ids=failing):
            ref, _, try_number, max_tries, delay, multiplier, longest, dag_id, task_id, logical_date, *_ = row
            if should_retry(try_number=try_number, max_tries=max_tries):
                due[ref] = now + timedelta(
                    seconds=delay_seconds(
                        retry_delay_seconds=delay,
                        multiplier=multiplier,
                        max_retry_delay_seconds=longest,
                        try_number=try_number,
                        key=(dag_id, task_id, logical_date),
                    )
                )
    rows = execute(
        "ledger/sql/end_deferred.sql",
        using=using,
        ids=[f.id for f in fired],
        epochs=[f.epoch for f in fired],
        states=["up_for_retry" if f.id in due else str(f.ends) for f in fired],
        due=[due.get(f.id) for f in fired],
        now=now,
    )
    return {(row[0], row[1]) for row in rows}
