"""The maintenance service: every second, and when an agent registers, look for what is lost."""

from __future__ import annotations

from collections.abc import Callable

from controlplane.foundation.clock import utc_now
from controlplane.foundation.service import Service
from controlplane.maintenance.rescue import GiveUp, rescue_lost

SECONDS = 1.0


def maintenance_service(
    *,
    give_up: GiveUp,
    at_start: Callable[[], None] | None = None,
    using: str = "scheduler",
) -> Service:
    """One look is one statement over live workloads when nothing is lost. `at_start` runs once, before it."""
    pending = [at_start] if at_start else []

    def run_once(_: set[str]) -> float:
        while pending:
            pending[0]()
            pending.pop()
        rescue_lost(now=utc_now(), give_up=give_up, using=using)
        return SECONDS

    return Service(
        name="maintenance", run_once=run_once, channels=("rescue",), using=using, poll_seconds=SECONDS
    )
