"""The only writer of run and task state.

Every function runs one statement of `ledger/sql` inside the caller's tenant scope, takes sets, and returns
what moved: a row that lost its race (another epoch, another state) is simply not among them. None commits.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any
from uuid import UUID

import msgspec

from controlplane.foundation.db import execute, json_list
from controlplane.ledger import alerting
from controlplane.ledger.alerts import owe_run_callbacks
from controlplane.ledger.endings import pause_failing


@dataclass(frozen=True, slots=True)
class Woken:
    """What one propagation decided: instances that became terminal, that wait to be expanded, that must ask their
    past; runs that are over, and runs whose ends tasks of later runs wait for."""

    ended: list[UUID]
    scheduled: list[UUID]
    unexpanded: list[UUID]
    runs_over: list[UUID]
    asking: list[UUID] = field(default_factory=list)
    awaited: list[UUID] = field(default_factory=list)
    lacking: list[UUID] = field(default_factory=list)
    """Runs without some of their DAG's tasks: nothing may be able to happen there any more."""
    revising: list[UUID] = field(default_factory=list)
    """Were expanded in an earlier round and may run again, if their index is still there."""
    weighing: list[UUID] = field(default_factory=list)
    """Are decided by what they read, now."""
    is_read: bool = False
    """Tasks read the ended instances instead of counting them: they must be weighed."""


@dataclass(frozen=True, slots=True)
class RunOver:
    """A run that just got its final state."""

    id: UUID
    dag_id: str
    run_id: str
    state: str


@dataclass(frozen=True, slots=True)
class Outcome:
    """How an attempt ended or pauses. `due_at` for a retry or reschedule; `died` when its process did not say."""

    id: UUID
    epoch: int
    state: str
    ended_at: datetime
    due_at: datetime | None = None
    label: str | None = None
    died: dict[str, Any] | None = None
    next_method: str | None = None
    next_kwargs: Any = None
    retry_reason: str | None = None


@dataclass(frozen=True, slots=True)
class XComWrite:
    """An XCom that a running attempt pushes; `value` is JSON text of what Airflow's serialiser made."""

    id: UUID
    epoch: int
    key: str
    value: str | None
    mapped_length: int | None
    ends: bool = False
    """Told together with how the attempt ends: written only while it runs."""
    kept_as: str | None = None
    """The object that holds the value instead."""
    size: int = 0
    """Bytes of `value`, wherever it is kept; 0 where nobody looked."""


@dataclass(frozen=True, slots=True)
class Skip:
    """The running attempt `by` skips this task of its run; `map_index` None means all of it."""

    by: UUID
    epoch: int
    task_id: str
    map_index: int | None


@dataclass(frozen=True, slots=True)
class NewRun:
    """All that a run is created from."""

    dag_id: str
    run_id: str
    run_type: str
    logical_date: datetime | None
    interval_start: datetime | None
    interval_end: datetime | None
    run_after: datetime
    conf: dict[str, Any] | None
    triggered_by: str
    user: str | None
    note: str | None
    partition_key: str | None
    dag_version: UUID
    bundle_version: UUID
    runtime_digest: str
    partition_date: datetime | None = None
    backfill: UUID | None = None
    backfill_ordinal: int | None = None
    awaits_interval: bool = False


def create_run(*, run: NewRun, now: datetime, using: str = "default") -> UUID | None:
    """One run, queued, and all its task rows; None when its run id or logical date exists already."""
    return create_runs(runs=[run], now=now, using=using).get((run.dag_id, run.run_id))


def create_runs(
    *, runs: Sequence[NewRun], now: datetime, using: str = "default"
) -> dict[tuple[str, str], UUID]:
    """Runs, queued, and all their task rows: (dag_id, run_id) -> row id of those that did not exist already."""
    if not runs:
        return {}
    rows = execute("ledger/sql/create_run.sql", using=using, runs=msgspec.json.encode(runs).decode(), now=now)
    return {(dag_id, run_id): row_id for row_id, dag_id, run_id in rows}


def start_runs(*, dags: Sequence[UUID], now: datetime, using: str) -> list[tuple[UUID, int, bool, bool]]:
    """Queued runs of these DAGs begin, oldest first, within max_active_runs.

    Returns each run's row id, how many task instances it has to end (one without tasks is over at once),
    whether it was changed by hand before, and whether it lacks tasks that others wait for.
    """
    rows = execute("ledger/sql/start_runs.sql", using=using, dags=list(dags), now=now)
    return [(row[0], row[1], row[2], row[3]) for row in rows]


def promote_roots(*, runs: Sequence[UUID], now: datetime, using: str) -> Woken:
    """Tasks of begun runs that wait for nothing become scheduled; empty ones end."""
    rows = execute("ledger/sql/promote_roots.sql", using=using, runs=list(runs), now=now)
    return woken_of([("task", *row) for row in rows])


def propagate_ends(*, ids: Sequence[UUID], now: datetime, using: str) -> Woken:
    """Count ended instances into their downstream and runs, and decide what wakes."""
    return woken_of(execute("ledger/sql/propagate_ends.sql", using=using, ids=list(ids), now=now))


def woken_of(rows: list[tuple[Any, ...]]) -> Woken:
    out = Woken([], [], [], [], is_read=any(row[0] == "read" for row in rows))
    for kind, row_id, state in rows:
        if kind == "read":
            continue
        if kind == "run":
            out.runs_over.append(row_id)
        elif kind == "awaited":
            out.awaited.append(row_id)
        elif kind == "lacking":
            out.lacking.append(row_id)
        elif state == "past":
            out.asking.append(row_id)
        elif state == "revise":
            out.revising.append(row_id)
        elif state == "weigh":
            out.weighing.append(row_id)
        elif state is None:
            out.unexpanded.append(row_id)
        elif state == "scheduled":
            out.scheduled.append(row_id)
        else:
            out.ended.append(row_id)
    return out


def finish_runs(*, runs: Sequence[UUID], now: datetime, using: str) -> list[RunOver]:
    """Runs with nothing unfinished get their final state; their DAG may start the next."""
    rows = execute("ledger/sql/finish_runs.sql", using=using, runs=list(runs), now=now)
    if tells := [(row[0], row[5]) for row in rows if row[4]]:
        owe_run_callbacks(runs=tells, now=now, using=using)
    if failed := [row[1] for row in rows if row[5] == "task_failure"]:
        pause_failing(dags=failed, now=now, using=using)
    return [RunOver(*row[:4]) for row in rows]


def promote_due(*, ids: Sequence[UUID], now: datetime, using: str) -> int:
    """Due retries and reschedules are scheduled again. Returns how many; those for which the tenant's budget of
    retries has no room wait, and rules that want it hear so."""
    rows = execute("ledger/sql/promote_due.sql", using=using, ids=list(ids), now=now)
    late = [(dag_id, why) for dag_id, why in rows if dag_id is not None]
    for dag_id, why in late:
        alerting.tell(kind="retry_budget", dag_id=dag_id, detail={"what": why}, now=now, using=using)
    return len(rows) - len(late)


def dispatch_tasks(*, ids: Sequence[UUID], now: datetime, using: str) -> list[tuple[UUID, int]]:
    """Admitted instances get a new epoch and become workloads. Returns (id, epoch)."""
    rows = execute("ledger/sql/dispatch_tasks.sql", using=using, ids=list(ids), now=now)
    return [(row[0], row[1]) for row in rows]


def hold_tasks(*, reasons: dict[UUID, str], using: str) -> None:
    """Write why scheduled instances wait, where that changed."""
    execute("ledger/sql/hold_tasks.sql", using=using, ids=list(reasons), reasons=list(reasons.values()))


def hold_rest(*, reasons: Sequence[tuple[str | None, UUID | None, str]], using: str) -> None:
    """(pool, run, why): scheduled instances nobody looked at hear why, if they were told nothing; None means any."""
    execute(
        "ledger/sql/hold_rest.sql",
        using=using,
        pools=[r[0] for r in reasons],
        runs=[r[1] for r in reasons],
        reasons=[r[2] for r in reasons],
    )


def finish_tasks(
    *, outcomes: Sequence[Outcome], now: datetime, using: str = "default"
) -> set[tuple[UUID, int]]:
    """Running attempts end or pause; returns (id, epoch) of those that moved. A late epoch moves nothing.

    One outcome per attempt: which of two would be stored is not defined.
    """
    rows = execute(
        "ledger/sql/finish_tasks.sql",
        using=using,
        ids=[o.id for o in outcomes],
        epochs=[o.epoch for o in outcomes],
        states=[o.state for o in outcomes],
        ended=[o.ended_at for o in outcomes],
        due=[o.due_at for o in outcomes],
        labels=[o.label for o in outcomes],
        died=json_list([o.died for o in outcomes]),
        methods=[o.next_method for o in outcomes],
        kwargs=json_list([o.next_kwargs for o in outcomes]),
        reasons=[o.retry_reason for o in outcomes],
        now=now,
    )
    return {(row[0], row[1]) for row in rows}


def hand_back_tasks(
    *, attempts: Sequence[tuple[UUID, int]], now: datetime, using: str = "default"
) -> set[tuple[UUID, int]]:
    """Attempts whose user code never ran are scheduled again; no try is spent. Returns those that moved."""
    rows = execute(
        "ledger/sql/hand_back_tasks.sql",
        using=using,
        ids=[a[0] for a in attempts],
        epochs=[a[1] for a in attempts],
        now=now,
    )
    return {(row[0], row[1]) for row in rows}


def lock_attempts(*, ids: Sequence[UUID], using: str = "default") -> None:
    """Nobody else moves these instances until the transaction ends. Taken in id order, before anything else."""
    execute("ledger/sql/lock_attempts.sql", using=using, ids=list(ids))


def skip_tasks(*, skips: Sequence[Skip], now: datetime, using: str = "default") -> int:
    """Running branches skip tasks of their runs that are not running or over. Returns how many.

    Waits until the scheduler is not propagating in these runs; call it once for all.
    """
    execute("ledger/sql/lock_runs.sql", using=using, ids=[s.by for s in skips])
    rows = execute(
        "ledger/sql/skip_tasks.sql",
        using=using,
        ids=[s.by for s in skips],
        epochs=[s.epoch for s in skips],
        task_ids=[s.task_id for s in skips],
        map_indexes=[s.map_index for s in skips],
        now=now,
    )
    return len(rows)


def put_xcoms(*, writes: Sequence[XComWrite], now: datetime, using: str = "default") -> None:
    """XComs of attempts that run or ended by themselves; the last write of a key wins."""
    execute(
        "ledger/sql/put_xcoms.sql",
        using=using,
        ids=[w.id for w in writes],
        epochs=[w.epoch for w in writes],
        keys=[w.key for w in writes],
        values=[w.value for w in writes],
        kept=[w.kept_as for w in writes],
        lengths=[w.mapped_length for w in writes],
        ends=[w.ends for w in writes],
        sizes=[w.size or len(w.value or "") for w in writes],
        now=now,
    )


def put_rendered(*, fields: Sequence[tuple[UUID, int, str]], using: str = "default") -> None:
    """Rendered template fields of running attempts: (id, epoch, JSON text of an object)."""
    execute(
        "ledger/sql/put_rendered.sql",
        using=using,
        ids=[f[0] for f in fields],
        epochs=[f[1] for f in fields],
        fields=[f[2] for f in fields],
    )


def add_items(*, items: Sequence[tuple[str, UUID | None, datetime]], using: str = "default") -> None:
    """Things to do for the tenant of this scope: (kind, ref, due_at)."""
    execute(
        "ledger/sql/add_items.sql",
        using=using,
        kinds=[i[0] for i in items],
        refs=[i[1] for i in items],
        due=[i[2] for i in items],
    )


def drop_plans(*, dags: Sequence[UUID], now: datetime, using: str = "default") -> None:
    """The due plans of these DAGs, whose rows the caller has locked, are being made."""
    execute("ledger/sql/drop_plans.sql", using=using, dags=list(dags), now=now)


def label_task(*, task_instance: UUID, epoch: int, label: str, using: str = "default") -> None:
    """The rendered map index of a running attempt."""
    execute("ledger/sql/label_task.sql", using=using, id=task_instance, epoch=epoch, label=label)
