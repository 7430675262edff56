"""Callbacks that the control plane owes, and deadlines, in the ledger.

A task's callback is owed by `finish_tasks.sql` itself, in the statement that ends a process which died; a run's by
whoever gives the run its final state, in that transaction (`owe_run_callbacks`). An agent claims it like other
work, says that it begins, and says how it ended (docs/adr/0019).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from controlplane.foundation.db import execute


class CallbackUnknown(LookupError):
    """The tenant owes no such callback, or somebody else has it by now."""


def owe_run_callbacks(*, runs: Sequence[tuple[UUID, str]], now: datetime, using: str) -> list[UUID]:
    """(run, reason) of runs that this transaction gave their final state; returns those whose DAG has a callback.

    Airflow's reasons: `success`, `task_failure`, `all_tasks_deadlocked`, `timed_out`.
    """
    rows = execute(
        "ledger/sql/owe_run_callbacks.sql",
        using=using,
        runs=[run for run, _ in runs],
        reasons=[reason for _, reason in runs],
        now=now,
    )
    return [row[0] for row in rows]


def begin_callback(*, callback: UUID, epoch: int, now: datetime, using: str) -> None:
    """The author's code runs next. Raises CallbackUnknown when another claim has it, or it is over."""
    if not execute("ledger/sql/begin_callback.sql", using=using, id=callback, epoch=epoch, now=now):
        raise CallbackUnknown(f"callback {callback} is not this claim's to begin")


def finish_callback(
    *, callback: UUID, epoch: int, state: str, message: str | None, now: datetime, using: str
) -> None:
    """`success` or `failed`. Told twice it is written once. Raises CallbackUnknown for another claim's word."""
    if execute(
        "ledger/sql/finish_callback.sql",
        using=using,
        id=callback,
        epoch=epoch,
        state=state,
        message=message,
        now=now,
    ):
        return
    row = read_callback(callback=callback, using=using)
    if row is None or (row["state"], row["fence"]) != (state, epoch):
        raise CallbackUnknown(f"callback {callback} is not this claim's to end")


def lose_callback(*, callback: UUID, give_up: bool, message: str, now: datetime, using: str) -> str | None:
    """Its agent is gone: one that had begun is `lost`; returns its state, None when it may be claimed again."""
    rows = execute(
        "ledger/sql/lose_callback.sql", using=using, id=callback, give_up=give_up, message=message, now=now
    )
    return rows[0][0] if rows else None


def read_callback(*, callback: UUID, using: str) -> dict[str, Any] | None:
    """All that its workload is made of, by name."""
    rows = execute("ledger/sql/read_callback.sql", using=using, id=callback)
    return dict(zip(_COLUMNS, rows[0], strict=True)) if rows else None


_COLUMNS = (
    "kind", "state", "fence", "ref", "epoch", "task_instance_id", "task_id", "map_index", "try_number", "started_at",
    "ended_at", "hostname", "reason", "dag_version_id", "max_tries",
    "dag_id", "run_id", "run_type", "run_state", "logical_date", "interval_start", "interval_end",
    "run_after", "run_started_at", "run_ended_at", "clear_number", "conf", "user", "note",
    "partition_key", "queued_at", "last_scheduling_decision", "triggered_by",
    "digest", "commit_sha", "runtime_digest", "content_hash", "path", "fresh_parse", "version_number",
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class NewDeadline:
    """`kind` `dag`: `number` is its place in the DAG; `sla`: the task's index. Without `due_at` it never is due,
    and `problem` says why."""

    kind: str
    number: int
    task_id: str | None
    name: str | None
    reference: str
    due_at: datetime | None
    problem: str | None


def set_deadlines(*, run: UUID, deadlines: Sequence[NewDeadline], now: datetime, using: str) -> None:
    """The run's deadlines, with an item for each that is due once. Again after a clear: see the statement."""
    if not deadlines:
        return
    execute(
        "ledger/sql/set_deadlines.sql",
        using=using,
        run=run,
        kinds=[d.kind for d in deadlines],
        numbers=[d.number for d in deadlines],
        task_ids=[d.task_id for d in deadlines],
        names=[d.name for d in deadlines],
        references=[d.reference for d in deadlines],
        due=[d.due_at for d in deadlines],
        problems=[d.problem for d in deadlines],
        now=now,
    )


def miss_deadlines(*, run: UUID, now: datetime, using: str) -> list[tuple[Any, ...]]:
    """(kind, dag_id, run_id, task_id, name) of the run's that are missed now; their callbacks are owed with it."""
    return execute("ledger/sql/miss_deadlines.sql", using=using, run=run, now=now)
