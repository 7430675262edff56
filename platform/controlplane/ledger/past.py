"""Tasks that depend on their past: the run before lets them go, or they wait for the end that will.

Nothing polls. A task that must wait names the run it waits for (`past_run_id`), and that run knows that it is
awaited: when tasks of it end, the propagation says so, and who waits asks again. The rules are `domain.past`.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from uuid import UUID

from controlplane.foundation.db import execute
from controlplane.ledger.transitions import Woken, woken_of


def ask_past(*, ids: Sequence[UUID], now: datetime, using: str) -> Woken:
    """Instances without a state whose upstreams let them run: scheduled, ended when empty, or left waiting."""
    execute("ledger/sql/lock_runs.sql", using=using, ids=list(ids))
    rows = execute("ledger/sql/ask_past.sql", using=using, ids=list(ids), now=now)
    return woken_of([("task", *row) for row in rows])


def waiters(*, runs: Sequence[UUID], ended: Sequence[UUID] | None, using: str) -> list[UUID]:
    """Who waits for tasks of these runs; with `ended`, only whom one of these ends may concern."""
    rows = execute(
        "ledger/sql/list_past_waiters.sql",
        using=using,
        runs=list(runs),
        ended=None if ended is None else list(ended),
    )
    return [row[0] for row in rows]
