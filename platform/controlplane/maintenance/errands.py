"""Goes on errands: whatever has to be asked or told outside, a few at a time, never inside a transaction.

The rows say who has to go when; with none due this costs one look a minute, and no tenant is looped over. A
process that dies on the way loses nothing: its claim ends, and another goes. Handlers are handed in by the door:
`(tenant_id, ref, now) -> the instant at which to go again, or None`.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

import structlog
from django.db import connections

from controlplane.foundation.clock import utc_now
from controlplane.foundation.db import execute
from controlplane.foundation.service import Service
from tenants.scope import tenant_scope

log = structlog.get_logger("maintenance.errands")

AT_ONCE = 4
CLAIM_SECONDS = 300.0
REST_SECONDS = 60.0
BUSY_SECONDS = 0.5
"""While everybody is on the way."""
TRY_AGAIN_SECONDS = 60.0

Handlers = Mapping[str, Callable[..., "datetime | None"]]


class Errands:
    """One process's share of them."""

    def __init__(self, *, handlers: Handlers, at_once: int = AT_ONCE, using: str = "scheduler") -> None:
        self.handlers, self.at_once, self.using = handlers, at_once, using
        self._away = 0
        self._lock = threading.Lock()
        self._pool = ThreadPoolExecutor(at_once, thread_name_prefix="errand")

    def service(self) -> Service:
        """The loop as a service: woken when an errand is asked for."""
        return Service(
            name="errands",
            run_once=self.run_once,
            channels=("errand",),
            using=self.using,
            poll_seconds=REST_SECONDS,
        )

    def close(self) -> None:
        """Wait for who is on the way."""
        self._pool.shutdown(wait=True)

    def run_once(self, _: set[str]) -> float:
        """Send somebody on each errand that is due, as far as there is somebody. Returns seconds to wait."""
        now = utc_now()
        with self._lock:
            free = self.at_once - self._away
        if free <= 0:
            return BUSY_SECONDS
        rows = execute(
            "maintenance/sql/claim_errands.sql", using=self.using, now=now, batch=free, seconds=CLAIM_SECONDS
        )
        with self._lock:
            self._away += len(rows)
        for row in rows:
            self._pool.submit(self._go, *row)
        if len(rows) >= free:
            return BUSY_SECONDS
        found = execute("maintenance/sql/next_errand.sql", using=self.using, now=now)
        return max(0.05, min(REST_SECONDS, found[0][0])) if found else REST_SECONDS

    def _go(self, errand: UUID, tenant_id: UUID, kind: str, ref: UUID, due_at: datetime) -> None:
        try:
            go(self.handlers, errand=errand, tenant_id=tenant_id, kind=kind, ref=ref, due_at=due_at)
        except Exception:
            log.exception("errand.not_ended", tenant=str(tenant_id), work=kind)
        finally:
            with self._lock:
                self._away -= 1
            connections.close_all()


def go(handlers: Handlers, *, errand: UUID, tenant_id: UUID, kind: str, ref: UUID, due_at: datetime) -> None:
    """One errand, there and back. One that raises is tried again in a minute; an unknown kind is dropped."""
    next_at: datetime | None = None
    handler: Any = handlers.get(kind)
    try:
        if handler is not None:
            next_at = handler(tenant_id=tenant_id, ref=ref, now=utc_now())
    except Exception:
        log.exception("errand.failed", tenant=str(tenant_id), work=kind)
        next_at = utc_now() + timedelta(seconds=TRY_AGAIN_SECONDS)
    with tenant_scope(tenant_id):
        execute("maintenance/sql/end_errand.sql", id=errand, was_due_at=due_at, next_at=next_at)
