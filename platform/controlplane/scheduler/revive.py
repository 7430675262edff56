"""Runs that were changed by hand go on: what was stopped waits again, roots are scheduled, ends are noticed.

Waiting tasks of such a run have counted nothing (`ledger/clearing.py`): every end above one of them is told again,
by the same statements as any other end. Before: inside a round of the tenant, the runs locked (`take_items`), the
`finished` items of this round done.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from uuid import UUID

from controlplane.ledger import clearing, transitions
from controlplane.ledger.queries import running_runs
from controlplane.ledger.transitions import RunOver
from controlplane.scheduler.propagate import propagate, settle, weigh

ENDS = 1000
"""How many ends one statement tells."""


def revive(*, runs: Sequence[UUID], now: datetime, using: str) -> list[RunOver]:
    """Returns the runs that are over by that. Runs that are not running wait until they are."""
    runs = sorted(set(runs))
    clearing.release_restarting(runs=runs, using=using)
    running = running_runs(ids=runs, using=using)
    if not running:
        return []
    telling, readers = clearing.rearm(runs=running, using=using)
    clearing.recount(runs=running, telling=telling, using=using)
    over: list[RunOver] = []
    for first in range(0, len(telling), ENDS):
        over += propagate(ended=telling[first : first + ENDS], now=now, using=using)
    ended = settle(transitions.promote_roots(runs=running, now=now, using=using), now=now, using=using)
    if readers:
        ended += weigh(changed=[], targets=readers, now=now, using=using)
    over += propagate(ended=ended, now=now, using=using)
    return over + transitions.finish_runs(runs=running, now=now, using=using)
