"""Tasks that begin in their trigger (Airflow's `start_from_trigger`): no worker has them before it fires.

Called by admission with scheduled tasks; they need no slot. What they wait for is told in the DAG version.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from controlplane.foundation.db import TRIGGERS, execute, json_list, notify
from controlplane.ledger.deferral import Deferral, defer_tasks
from domain.timers import timer_of


def start_deferred(*, ids: Sequence[UUID], now: datetime, using: str) -> int:
    """These scheduled tasks are `deferred` from now on, each with a new epoch and its trigger. Returns how many."""
    told = {
        row_id: (trigger, seconds)
        for row_id, trigger, seconds in execute("scheduler/sql/read_starts.sql", using=using, ids=list(ids))
    }
    rows = execute(
        "ledger/sql/start_deferred.sql",
        using=using,
        ids=list(told),
        methods=[str(trigger.get("next_method") or "") for trigger, _ in told.values()],
        kwargs=json_list([trigger.get("next_kwargs") or {} for trigger, _ in told.values()]),
        now=now,
    )
    deferrals = [_deferral(row_id, epoch, *told[row_id], now) for row_id, epoch in rows]
    if deferrals and defer_tasks(deferrals=deferrals, now=now, using=using):
        notify(TRIGGERS, using=using)
    return len(deferrals)


def _deferral(
    row_id: UUID, epoch: int, trigger: dict[str, Any], execution_seconds: float | None, now: datetime
) -> Deferral:
    classpath, kwargs = str(trigger.get("classpath") or ""), trigger.get("kwargs") or {}
    timer = timer_of(classpath=classpath, kwargs=kwargs, now=now)
    # As in Airflow, the shorter of the two bounds counts.
    bounds = [s for s in (trigger.get("timeout_seconds"), execution_seconds) if s is not None]
    return Deferral(
        id=row_id,
        epoch=epoch,
        classpath=classpath,
        kwargs=kwargs,
        timeout_at=now + timedelta(seconds=min(bounds)) if bounds else None,
        wake_at=timer.wake_at if timer else None,
        event=timer.event if timer else None,
        ends=timer.ends if timer else None,
        starts=True,
    )
