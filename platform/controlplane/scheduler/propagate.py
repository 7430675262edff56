"""Ends go downstream, as far as they reach: skips and upstream failures end others in turn."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from uuid import UUID

from controlplane.ledger import transitions
from controlplane.ledger.transitions import RunOver, Woken
from controlplane.scheduler.expand import expand


def propagate(*, ended: Sequence[UUID], now: datetime, using: str) -> list[RunOver]:
    """Count `ended` downstream, repeat for what ends by that, and finish the runs that are over.

    Each pass is one statement; there are at most as many passes as the graph is deep.
    """
    over: list[UUID] = []
    pending = list(ended)
    while pending:
        woken = transitions.propagate_ends(ids=pending, now=now, using=using)
        over += woken.runs_over
        pending = settle(woken, now=now, using=using)
    return transitions.finish_runs(runs=over, now=now, using=using) if over else []


def settle(woken: Woken, *, now: datetime, using: str) -> list[UUID]:
    """Expand what waits to be expanded; returns all instances that ended and must be propagated."""
    ended = list(woken.ended)
    if woken.unexpanded:
        ended += expand(ids=woken.unexpanded, now=now, using=using)
    return ended
