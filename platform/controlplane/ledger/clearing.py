"""Runs and task instances changed by hand: cleared, marked, deleted, moved to another version.

Whoever calls takes `hold` first: then no scheduler is in a round of this tenant, and what is pending is pending
for sure. Locks in this order: the tenant's rounds, runs, unclaimed workloads, instances, claimed workloads, DAGs.
After the change `settle` counts the runs anew, from the instances as they are; what waits in them counts anew when
the scheduler revives them (`scheduler/revive.py`).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from controlplane.foundation.db import execute, notify
from controlplane.ledger.transitions import add_items, lock_attempts
from tenants.scope import current_tenant


@dataclass(frozen=True, slots=True)
class HeldRun:
    """A run that is locked for a change by hand."""

    id: UUID
    dag_id: str
    state: str
    awaited: bool


def exclude_rounds(*, using: str = "default") -> None:
    """No scheduler works for the tenant in scope, and nobody else changes runs by hand, until the commit."""
    execute("ledger/sql/exclude_rounds.sql", using=using)


def hold_runs(*, runs: Sequence[UUID], using: str = "default") -> list[HeldRun]:
    """Lock these runs. After `exclude_rounds` when they are changed by hand."""
    rows = execute("ledger/sql/lock_chosen_runs.sql", using=using, runs=list(runs))
    return [HeldRun(*row) for row in rows]


def hold_tasks(*, ids: Sequence[UUID], using: str = "default") -> None:
    """Lock these instances and the workloads of them that nobody has claimed. Their runs are held."""
    execute("ledger/sql/lock_unclaimed.sql", using=using, ids=list(ids))
    lock_attempts(ids=ids, using=using)


def clear_tasks(*, ids: Sequence[UUID], reason: str, now: datetime, using: str = "default") -> int:
    """Held instances begin anew; those that run are stopped first. Returns how many were cleared."""
    rows = execute("ledger/sql/clear_tasks.sql", using=using, ids=list(ids), reason=reason[:200], now=now)
    return len(rows)


def mark_tasks(*, ids: Sequence[UUID], state: str, reason: str, now: datetime, using: str = "default") -> int:
    """Held instances have this end state; attempts that run are stopped. Returns how many changed."""
    rows = execute(
        "ledger/sql/mark_tasks.sql", using=using, ids=list(ids), state=state, reason=reason[:200], now=now
    )
    return len(rows)


def requeue_runs(*, runs: Sequence[UUID], now: datetime, using: str = "default") -> None:
    """Instances of these held runs were cleared: what was over is queued again."""
    execute("ledger/sql/requeue_runs.sql", using=using, runs=list(runs), now=now)


def mark_runs(*, runs: Sequence[UUID], state: str, now: datetime, using: str = "default") -> list[UUID]:
    """Held runs get this state. Returns the DAGs of which a run stopped running: another may start."""
    rows = execute("ledger/sql/mark_runs.sql", using=using, runs=list(runs), state=state, now=now)
    return sorted({row[2] for row in rows if row[1] == "running" and row[2] is not None})


def recount(
    *, runs: Sequence[UUID], telling: Sequence[UUID] = (), by_hand: bool = False, using: str = "default"
) -> None:
    """These runs count their instances anew; those of `telling` are told again by the caller."""
    execute(
        "ledger/sql/recount_runs.sql",
        using=using,
        runs=list(runs),
        telling=list(telling),
        by_hand=by_hand,
    )


def rearm(*, runs: Sequence[UUID], using: str) -> tuple[list[UUID], list[UUID]]:
    """What waits in those of these runs that are running waits anew. Returns the ends above that must be told
    again, and the waiting instances that must be weighed."""
    rows = execute("ledger/sql/rearm_runs.sql", using=using, runs=list(runs))
    return [row[1] for row in rows if not row[0]], [row[1] for row in rows if row[0]]


def settle(
    *, runs: Sequence[HeldRun], start: Sequence[UUID] = (), now: datetime, using: str = "default"
) -> None:
    """Last of a change by hand: count anew, leave what follows from it to the scheduler, and wake it.

    `start`: DAGs whose queued runs may start.
    """
    recount(runs=[run.id for run in runs], by_hand=True, using=using)
    items: list[tuple[str, UUID | None, datetime]] = [("revive", run.id, now) for run in runs]
    items += [("past", run.id, now) for run in runs if run.awaited]
    items += [("start_runs", dag, now) for dag in start]
    add_items(items=[*items, ("admit", None, now)], using=using)
    notify("work", str(current_tenant(using=using)), using=using)


def let_go(
    *, attempts: Sequence[tuple[UUID, int]], now: datetime, using: str = "default"
) -> dict[tuple[UUID, int], str]:
    """Attempts that ended or were lost after they had been told to stop. Returns those, and why they had to."""
    rows = execute(
        "ledger/sql/let_go.sql",
        using=using,
        ids=[one[0] for one in attempts],
        epochs=[one[1] for one in attempts],
        now=now,
    )
    return {(row[0], row[1]): row[2] for row in rows}


def release_restarting(*, runs: Sequence[UUID], using: str) -> list[UUID]:
    """Cleared instances of these locked runs, whose processes are gone, wait again. Returns the runs concerned."""
    rows = execute("ledger/sql/release_restarting.sql", using=using, runs=list(runs))
    return sorted({row[0] for row in rows})


def delete_runs(*, runs: Sequence[UUID], using: str = "default") -> int:
    """These held runs and all of theirs are forgotten. Returns how many."""
    return len(execute("ledger/sql/delete_runs.sql", using=using, runs=list(runs)))


def delete_tasks(*, ids: Sequence[UUID], using: str = "default") -> int:
    """These held instances are forgotten. Returns how many."""
    return len(execute("ledger/sql/delete_tasks.sql", using=using, ids=list(ids)))


def move_runs(
    *,
    runs: Sequence[UUID],
    version: UUID,
    bundle: UUID,
    runtime_digest: str,
    using: str = "default",
) -> list[tuple[UUID, str | None]]:
    """These held runs, all instances held, go on with another version. Returns (instance, state) of those whose
    task it does not have."""
    rows = execute(
        "ledger/sql/move_runs.sql",
        using=using,
        runs=list(runs),
        version=version,
        bundle=bundle,
        runtime_digest=runtime_digest,
    )
    execute("ledger/sql/retotal_runs.sql", using=using, runs=list(runs))
    return [(row[0], row[2]) for row in rows]
