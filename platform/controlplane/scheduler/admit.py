"""Scheduled tasks are admitted to pools and limits; the rest are held, each with its reason."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from controlplane.foundation.db import execute
from controlplane.ledger import alerting, transitions
from controlplane.scheduler.start_deferred import start_deferred
from domain.capacity import HeldReason, PoolUse, ReadyTask, admit
from tenants.limits.effective import DEFAULT_BACKFILL_SHARE, bounds, concurrent_tasks, own_limits

BATCH = 128
"""How many one look weighs."""
QUICK = 24
"""How many the first look weighs when nobody has to be told why he waits: after most ends few can go."""
QUEUE_GRACE_SECONDS = 60.0
"""How long after its last sign of life an agent's queues count as served; and how often, at the latest, tasks in
queues that nobody serves are looked at again."""
_BOUNDS = ("concurrent_tasks", "total_memory_mib", "task_memory_mib", "backfill_share")
PACE = timedelta(seconds=60)
"""Over which pools limit how many tasks begin."""
MOST = 1024
"""How many one transaction dispatches."""


@dataclass(frozen=True, slots=True)
class Admitted:
    """What one admission did. `more` says that the batch was full: ask again."""

    dispatched: list[tuple[UUID, int]]
    held: int
    more: bool


@dataclass(slots=True)
class _Taken:
    """Pools and counts as `domain.capacity.admit` takes them."""

    pools: dict[str, PoolUse] = field(default_factory=dict)
    run_active: Counter[UUID] = field(default_factory=Counter)
    run_limits: dict[UUID, int] = field(default_factory=dict)
    task_active: Counter[tuple[str, str]] = field(default_factory=Counter)
    run_task_active: Counter[tuple[UUID, str]] = field(default_factory=Counter)
    tenant_free: int | None = None
    yielding_free: int | None = None
    """Places that backfills may still take."""
    next_starts: dict[str, datetime] = field(default_factory=dict)
    """When a pool that limits its starts lets one more begin, at the earliest."""


@dataclass(slots=True)
class _Full:
    """What held a whole batch, so that the next look passes over it: no full pool or run hides the others."""

    pools: set[str] = field(default_factory=set)
    runs: set[UUID] = field(default_factory=set)
    tasks: set[tuple[str, str, UUID | None]] = field(default_factory=set)
    yielding: bool = False
    """Backfills hold their share."""
    reasons: dict[tuple[str | None, UUID | None], str] = field(default_factory=dict)
    """(pool, run) -> what to tell those that were passed over; None means any."""

    def learn(self, task: ReadyTask[UUID, UUID], reason: HeldReason, pools: Mapping[str, PoolUse]) -> None:
        if reason.code == "run_full":
            self.runs.add(task.run_id)
            self.reasons[None, task.run_id] = str(reason)[:500]
        elif reason.code in ("pool_unknown", "pool_paced") or (
            reason.code == "pool_full" and not pools[task.pool].free
        ):
            self.pools.add(task.pool)
            self.reasons[task.pool, None] = str(reason)[:500]
        elif reason.code == "run_task_full":
            self.tasks.add((task.dag_id, task.task_id, task.run_id))
        elif reason.code == "backfill_share":
            self.yielding = True
            self.reasons[None, task.run_id] = str(reason)[:500]
        elif reason.code in ("task_full", "pool_full", "pool_too_small", "queue_unserved", "task_unknown"):
            self.tasks.add((task.dag_id, task.task_id, None))

    def seed(self, taken: _Taken) -> None:
        """What is full before anybody asks: then nobody there needs to be read."""
        self.runs.update(run for run, most in taken.run_limits.items() if taken.run_active[run] >= most)
        self.pools.update(
            name for name, pool in taken.pools.items() if pool.free == 0 or pool.starts_free == 0
        )
        self.yielding = self.yielding or taken.yielding_free == 0

    def __len__(self) -> int:
        return len(self.pools) + len(self.runs) + len(self.tasks) + self.yielding


def admit_and_dispatch(*, now: datetime, using: str, tell_rest: bool = True) -> Admitted:
    """Read what is ready and what is taken, let `domain.capacity` decide, and write both answers.

    `tell_rest`: also tell those that were passed over, unseen, what they wait for (one statement; the loop
    asks for it once a second at most).

    Looks again, past what is full, while a whole batch could not go: what waits for one pool or run is never
    in the way of what does not. Each further look passes over something more, so there is a last one.
    """
    full = _Full()
    dispatched: list[tuple[UUID, int]] = []
    held: dict[UUID, HeldReason] = {}
    unserved: set[str] = set()
    paced: dict[str, datetime] = {}
    """Pools that let no more begin -> when they do again."""
    size = BATCH if tell_rest else min(QUICK, BATCH)
    while len(dispatched) < MOST:
        taken = _taken(now, using)
        paced |= {name: taken.next_starts[name] for name in _paced(taken)}
        if not tell_rest:
            full.seed(taken)
        rows = _look(full, size, using)
        found = len(rows)
        starting = [row[0] for row in rows if row[17]]
        if starting:
            # They begin in their triggers: nothing of theirs is weighed.
            rows = [row for row in rows if not row[17]]
            start_deferred(ids=starting, now=now, using=using)
        ready = [_ready(row) for row in rows]
        answer = admit(
            ready=ready,
            pools=taken.pools,
            run_active=taken.run_active,
            task_active=taken.task_active,
            run_task_active=taken.run_task_active,
            tenant_free=taken.tenant_free,
            yielding_free=taken.yielding_free,
        )
        if answer.admitted:
            dispatched += transitions.dispatch_tasks(ids=answer.admitted, now=now, using=using)
        _tell(rows, answer.held, using)
        held.update(answer.held)
        unserved.update(t.queue for t in ready if t.id in held and held[t.id].code == "queue_unserved")
        for task in ready if taken.next_starts else ():
            if (reason := answer.held.get(task.id)) and reason.code == "pool_paced":
                paced[task.pool] = taken.next_starts[task.pool]
        if found < size:
            break
        size = BATCH
        if answer.admitted or starting:
            continue
        known = len(full)
        for task in ready:
            full.learn(task, answer.held[task.id], taken.pools)
        if len(full) == known:
            # The tenant's own quota: nothing else could go either.
            full.reasons[None, None] = str(answer.held[ready[0].id])[:500]
            break
    if tell_rest and full.reasons:
        _tell_rest(full, using)
    if any(reason.code == "queue_unserved" for reason in held.values()):
        fresh = execute("scheduler/sql/await_queue.sql", using=using, seconds=QUEUE_GRACE_SECONDS)
        for queue in sorted(unserved) if fresh else ():
            alerting.tell(kind="no_consumer", subject=queue, now=now, using=using)
    if paced:
        execute("scheduler/sql/await_pace.sql", using=using, pools=list(paced), next_at=min(paced.values()))
    return Admitted(dispatched, len(held.keys() - {row[0] for row in dispatched}), len(dispatched) >= MOST)


def _paced(taken: _Taken) -> list[str]:
    return [name for name in taken.next_starts if taken.pools[name].starts_free == 0]


def _tell_rest(full: _Full, using: str) -> None:
    transitions.hold_rest(
        reasons=[(pool, run, text) for (pool, run), text in full.reasons.items()], using=using
    )


def _look(full: _Full, size: int, using: str) -> list[tuple[Any, ...]]:
    tasks = list(full.tasks)
    return execute(
        "ledger/sql/list_ready.sql",
        using=using,
        batch=size,
        pools=list(full.pools),
        runs=list(full.runs),
        yielding=not full.yielding,
        task_dags=[t[0] for t in tasks],
        task_ids=[t[1] for t in tasks],
        task_runs=[t[2] for t in tasks],
        grace=QUEUE_GRACE_SECONDS,
    )


def _tell(rows: list[tuple[Any, ...]], held: Mapping[UUID, HeldReason], using: str) -> None:
    told = {row[0]: row[12] for row in rows}
    news = {key: str(reason)[:500] for key, reason in held.items() if told[key] != str(reason)[:500]}
    if news:
        transitions.hold_tasks(reasons=news, using=using)


def _ready(row: tuple[Any, ...]) -> ReadyTask[UUID, UUID]:
    return ReadyTask(
        id=row[0],
        dag_id=row[1],
        run_id=row[2],
        task_id=row[3],
        map_index=row[4],
        priority_weight=row[5],
        logical_date=row[6],
        pool=row[7],
        pool_slots=row[8],
        max_active_tasks=row[9],
        max_active_tis_per_dag=row[10],
        max_active_tis_per_dagrun=row[11],
        yields=row[13],
        queue=row[14],
        is_served=row[15],
        is_known=row[16],
    )


def _taken(now: datetime, using: str) -> _Taken:
    """From two bounded statements."""
    out = _Taken()
    occupied: Counter[str] = Counter()
    deferred: Counter[str] = Counter()
    queued: Counter[str] = Counter()
    total = yielding = 0
    for pool, dag_id, run, task_id, parked, count, slots, most, yields, waiting in execute(
        "ledger/sql/count_active.sql", using=using
    ):
        queued[pool] += waiting
        out.task_active[dag_id, task_id] += count
        out.run_task_active[run, task_id] += count
        out.run_limits[run] = most
        if parked is not None:
            # As in Airflow: who waits for a person never holds a slot of a pool.
            deferred[pool] += slots if parked == "deferred" else 0
            continue
        occupied[pool] += slots
        out.run_active[run] += count
        total += count
        yielding += count if yields else 0
    for name, slots, include_deferred, per_minute, begun, next_at, mine, settings, given in execute(
        "scheduler/sql/read_pools.sql", using=using
    ):
        if out.tenant_free is None:
            limit, share = _tenant_bounds(mine, settings, given)
            out.tenant_free = max(limit - total, 0)
            # At least one: a small share makes a backfill slow, not stuck.
            out.yielding_free = max(int(max(limit * share, 1)) - yielding, 0)
        if per_minute is not None:
            # Of those that are queued nobody knows when they begin: then it looks again in a minute.
            out.next_starts[name] = next_at or now + PACE
        out.pools[name] = PoolUse(
            slots=slots,
            occupied=occupied[name],
            deferred=deferred[name],
            include_deferred=include_deferred,
            per_minute=per_minute,
            begun=(begun or 0) + queued[name],
        )
    return out


def _tenant_bounds(mine: int, settings: Any, given: Any) -> tuple[int, float]:
    """How many tasks the tenant may have queued or running, and the share of them that backfills may hold."""
    own = own_limits(max_active_tasks=mine, settings=settings)
    if not given and not settings.get("limits"):
        return mine, own.get("backfill_share", DEFAULT_BACKFILL_SHARE)
    limits = bounds(_BOUNDS, given=given, own=own)
    share = limits["backfill_share"].value
    return concurrent_tasks(limits), DEFAULT_BACKFILL_SHARE if share is None else share
