"""The maintenance service: every second, and when an agent registers, look for what is lost."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime

from controlplane.foundation.clock import utc_now
from controlplane.foundation.service import Service
from controlplane.maintenance.rescue import GiveUp, rescue_lost

SECONDS = 1.0
SWEEP_SECONDS = 600.0


def maintenance_service(
    *,
    give_up: GiveUp,
    at_start: Callable[[], None] | None = None,
    sweep: Callable[..., object] | None = None,
    using: str = "scheduler",
) -> Service:
    """One look is one statement over live workloads when nothing is lost. `at_start` runs once, before it;
    `sweep(now, using)` at the start and then every ten minutes."""
    pending = [at_start] if at_start else []
    swept: list[datetime] = []

    def run_once(_: set[str]) -> float:
        while pending:
            pending[0]()
            pending.pop()
        now = utc_now()
        rescue_lost(now=now, give_up=give_up, using=using)
        if sweep and (not swept or (now - swept[-1]).total_seconds() >= SWEEP_SECONDS):
            swept[:] = [now]
            sweep(now=now, using=using)
        return SECONDS

    return Service(
        name="maintenance", run_once=run_once, channels=("rescue",), using=using, poll_seconds=SECONDS
    )
