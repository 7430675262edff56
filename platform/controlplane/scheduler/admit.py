"""Scheduled tasks are admitted to pools and limits; the rest are held, each with its reason."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from controlplane.foundation.db import execute
from controlplane.ledger import transitions
from domain.capacity import PoolUse, ReadyTask, admit

BATCH = 1024


@dataclass(frozen=True, slots=True)
class Admitted:
    """What one admission did. `more` says that the batch was full: ask again."""

    dispatched: list[tuple[UUID, int]]
    held: int
    more: bool


def admit_and_dispatch(*, now: datetime, using: str) -> Admitted:
    """Read what is ready and what is taken, let `domain.capacity` decide, and write both answers."""
    rows = execute("ledger/sql/list_ready.sql", using=using, batch=BATCH)
    if not rows:
        return Admitted([], 0, False)
    answer = admit(ready=[_ready(row) for row in rows], **_taken(using))
    dispatched: list[tuple[UUID, int]] = []
    if answer.admitted:
        dispatched = transitions.dispatch_tasks(ids=answer.admitted, now=now, using=using)
    told = {row[0]: row[12] for row in rows}
    news = {key: str(reason)[:500] for key, reason in answer.held.items() if told[key] != str(reason)[:500]}
    if news:
        transitions.hold_tasks(reasons=news, using=using)
    return Admitted(dispatched, len(answer.held), len(rows) == BATCH and bool(dispatched))


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
    )


def _taken(using: str) -> dict[str, Any]:
    """Pools and counts as `domain.capacity.admit` takes them, from two bounded statements."""
    occupied: Counter[str] = Counter()
    deferred: Counter[str] = Counter()
    run_active: Counter[UUID] = Counter()
    task_active: Counter[tuple[str, str]] = Counter()
    run_task_active: Counter[tuple[UUID, str]] = Counter()
    total = 0
    for pool, dag_id, run, task_id, is_deferred, count, slots in execute(
        "ledger/sql/count_active.sql", using=using
    ):
        task_active[dag_id, task_id] += count
        run_task_active[run, task_id] += count
        if is_deferred:
            deferred[pool] += slots
            continue
        occupied[pool] += slots
        run_active[run] += count
        total += count
    limit = None
    pools: dict[str, PoolUse] = {}
    for name, slots, include_deferred, tenant_limit in execute("scheduler/sql/read_pools.sql", using=using):
        limit = tenant_limit
        pools[name] = PoolUse(
            slots=slots, occupied=occupied[name], deferred=deferred[name], include_deferred=include_deferred
        )
    return {
        "pools": pools,
        "run_active": run_active,
        "task_active": task_active,
        "run_task_active": run_task_active,
        "tenant_free": None if limit is None else max(limit - total, 0),
    }
