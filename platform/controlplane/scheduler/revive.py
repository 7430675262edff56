"""Runs that were changed by hand go on: what was stopped waits again, roots are scheduled, ends are noticed.

Everything above a waiting task that is over was told again as `finished` when the run was changed
(`ledger/clearing.py`); this is the rest. Before: inside a round of the tenant, the runs locked (`take_items`).
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from uuid import UUID

from controlplane.ledger import clearing, transitions
from controlplane.ledger.queries import running_runs
from controlplane.ledger.transitions import RunOver
from controlplane.scheduler.propagate import propagate, settle


def revive(*, runs: Sequence[UUID], now: datetime, using: str) -> list[RunOver]:
    """Returns the runs that are over by that."""
    runs = sorted(set(runs))
    if released := clearing.release_restarting(runs=runs, using=using):
        clearing.recount(runs=released, now=now, using=using)
    running = running_runs(ids=runs, using=using)
    if not running:
        return []
    woken = transitions.promote_roots(runs=running, now=now, using=using)
    over = propagate(ended=settle(woken, now=now, using=using), now=now, using=using)
    return over + transitions.finish_runs(runs=running, now=now, using=using)
