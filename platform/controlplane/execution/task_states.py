"""Values that a task keeps for its later tries: Airflow's task state store. Inside the tenant's scope.

They belong to a task (and map index) of a run, whichever attempt wrote them, and go with the run. What has an end is
forgotten soon after it: one work item per tenant names the first such instant.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

from controlplane.execution.attempts import AttemptSuperseded
from controlplane.execution.storable import json_text
from controlplane.foundation.db import execute
from controlplane.ledger.transitions import add_items
from domain.ids import uuid7

LONGEST_KEY = 512
FORGET = 1000
"""How many values go in one transaction."""
LOOK = timedelta(minutes=1)
"""How long an expired value may stay: what ends within it goes together."""
LAST = datetime(9999, 1, 1, tzinfo=UTC)


class StateUnknown(LookupError):
    """The task keeps nothing under this key."""


def get(*, by: UUID, epoch: int, key: str) -> str:
    """The JSON text of a value, also of one that is over and not forgotten yet. Raises StateUnknown."""
    rows = execute("execution/sql/get_task_state.sql", by=by, epoch=epoch, key=key)
    if not rows:
        raise StateUnknown(f"Task state store key {key!r} not found")
    return str(rows[0][0])


def put(*, by: UUID, epoch: int, key: str, value: Any, expires_at: datetime | None, now: datetime) -> None:
    """Keep a value; the last one wins, with its own end. Raises NotStorable, AttemptSuperseded."""
    rows = execute(
        "execution/sql/put_task_state.sql",
        id=uuid7(),
        by=by,
        epoch=epoch,
        key=key,
        value=json_text(value),
        expires_at=expires_at,
        look_at=_look_at(expires_at or LAST, now),
        now=now,
    )
    if not rows:
        raise AttemptSuperseded(None)


def delete(*, by: UUID, epoch: int, key: str | None) -> None:
    """Forget a value; None: all of the task's. Nothing is no mistake."""
    execute("execution/sql/delete_task_states.sql", by=by, epoch=epoch, key=key)


def forget_due(*, ref: UUID, now: datetime, using: str) -> None:
    """The end of some values has come. Work item `forget`, whose `ref` is the tenant."""
    [(gone,)] = execute("execution/sql/forget_task_states.sql", using=using, now=now, batch=FORGET)
    if gone >= FORGET:
        add_items(items=[("forget", ref, now)], using=using)
    elif following := execute("execution/sql/next_task_state_expiry.sql", using=using):
        add_items(items=[("forget", ref, _look_at(following[0][0], now))], using=using)


def _look_at(expires_at: datetime, now: datetime) -> datetime:
    return min(max(expires_at, now), LAST) + LOOK
