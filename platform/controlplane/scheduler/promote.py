"""Tasks with nothing left to wait for become scheduled: roots of begun runs, due retries and reschedules."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from uuid import UUID

from controlplane.ledger import transitions
from controlplane.ledger.endings import end_deadlocked
from controlplane.ledger.transitions import RunOver
from controlplane.scheduler.propagate import propagate, settle
from controlplane.scheduler.revive import revive


def start_runs(*, dags: Sequence[UUID], now: datetime, using: str) -> list[RunOver]:
    """Queued runs of these DAGs begin and their roots are scheduled; returns runs that ended at once."""
    begun = transitions.start_runs(dags=dags, now=now, using=using)
    if not begun:
        return []
    woken = transitions.promote_roots(runs=[run for run, *_ in begun], now=now, using=using)
    over = propagate(ended=settle(woken, now=now, using=using), now=now, using=using)
    if changed := [run for run, _, by_hand, _ in begun if by_hand]:
        over += revive(runs=changed, now=now, using=using)
    empty = [run for run, unfinished, *_ in begun if unfinished == 0]
    if lacking := [run for run, unfinished, _, lacks in begun if lacks and unfinished]:
        empty += end_deadlocked(runs=lacking, using=using)
    return over + transitions.finish_runs(runs=empty, now=now, using=using) if empty else over
