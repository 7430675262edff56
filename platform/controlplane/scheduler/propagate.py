"""Ends go downstream, as far as they reach: skips and upstream failures end others in turn."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from uuid import UUID

from controlplane.ledger import transitions
from controlplane.ledger.endings import end_deadlocked
from controlplane.ledger.past import ask_past, waiters
from controlplane.ledger.transitions import RunOver, Woken
from controlplane.ledger.weighing import weigh_tasks
from controlplane.scheduler.expand import expand, revise


def propagate(*, ended: Sequence[UUID], now: datetime, using: str) -> list[RunOver]:
    """Count `ended` downstream, repeat for what ends by that, and finish the runs that are over.

    Each pass is one statement, and another for tasks that read what ended instead of counting it; there are at most
    as many passes as the graph is deep.
    """
    over: list[UUID] = []
    lacking: set[UUID] = set()
    pending = list(ended)
    while pending:
        woken = transitions.propagate_ends(ids=pending, now=now, using=using)
        over += woken.runs_over
        lacking.update(woken.lacking)
        ended_too = weigh(changed=pending, now=now, using=using) if woken.is_read else []
        pending = settle(woken, now=now, using=using, of=pending) + ended_too
    if lacking:
        over += end_deadlocked(runs=sorted(lacking), using=using)
    return transitions.finish_runs(runs=over, now=now, using=using) if over else []


def look_back(*, runs: Sequence[UUID], now: datetime, using: str) -> list[RunOver]:
    """Something else than an end changed these runs (one was removed): tasks of later runs that wait ask again."""
    found = waiters(runs=runs, ended=None, using=using)
    ended = settle(Woken([], [], [], [], asking=found), now=now, using=using) if found else []
    return propagate(ended=ended, now=now, using=using)


def settle(woken: Woken, *, now: datetime, using: str, of: Sequence[UUID] = ()) -> list[UUID]:
    """Ask the past of whom must, expand what waits to be expanded; returns all that ended and must be propagated.

    `of`: the ends that woke them; tasks of later runs may have waited for these.
    """
    ended, unexpanded, asking = list(woken.ended), list(woken.unexpanded), list(woken.asking)
    if woken.awaited:
        asking += waiters(runs=woken.awaited, ended=of, using=using)
    if asking:
        answered = ask_past(ids=asking, now=now, using=using)
        ended += answered.ended
        unexpanded += answered.unexpanded
    if woken.weighing:
        ended += weigh(changed=[], targets=woken.weighing, now=now, using=using)
    for ids, verb in ((unexpanded, expand), (woken.revising, revise)):
        if ids:
            grown = verb(ids=ids, now=now, using=using)
            ended += grown.ended
            if grown.fresh or grown.grown:
                ended += weigh(changed=grown.grown, targets=grown.fresh, now=now, using=using)
    return ended


def weigh(*, changed: Sequence[UUID], targets: Sequence[UUID] = (), now: datetime, using: str) -> list[UUID]:
    """Decide the tasks that read `changed`, and `targets`; returns all that ended and must be propagated."""
    return settle(weigh_tasks(changed=changed, targets=targets, now=now, using=using), now=now, using=using)
