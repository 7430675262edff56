"""Which tenants this scheduler works for: leases with fencing, on the database's clock.

A lease is taken when a tenant has work, kept while it is busy (renewed when a third of it is used), and let
lapse when it is idle: an idle tenant costs nothing. Every transaction checks its lease inside
(`check_lease.sql`, shared lock), so a scheduler that slept past its lease commits nothing. One that freezes in
the middle of a transaction keeps its lease until the database ends the transaction; nobody waits for it.
"""

from __future__ import annotations

import time
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from controlplane.foundation.db import execute
from domain.ids import uuid7

LEASE_SECONDS = 5.0
IDLE_LEASES = 2
"""After so many leases of silence inside a transaction the database ends it."""


class LeaseLost(RuntimeError):
    """Another scheduler works for this tenant now: drop the work, it is not ours."""


@dataclass(slots=True)
class _Held:
    epoch: int
    renew_at: float


class Leases:
    """The leases of one scheduler process. `time.monotonic` only decides when to renew, never who holds."""

    def __init__(self, *, using: str = "scheduler", seconds: float = LEASE_SECONDS) -> None:
        self.holder = uuid7()
        self.using, self.seconds = using, seconds
        self._held: dict[UUID, _Held] = {}

    def take(self, tenant_id: UUID) -> bool:
        """Hold the tenant's lease for a while; False when another scheduler does. Outside transactions."""
        held = self._held.get(tenant_id)
        if held is not None and time.monotonic() < held.renew_at:
            return True
        started = time.monotonic()
        rows = execute(
            "ledger/sql/take_lease.sql",
            using=self.using,
            tenant=tenant_id,
            holder=self.holder,
            seconds=self.seconds,
        )
        if not rows:
            self._held.pop(tenant_id, None)
            return False
        self._held[tenant_id] = _Held(epoch=rows[0][0], renew_at=started + self.seconds / 3)
        return True

    def check(self, tenant_id: UUID) -> datetime:
        """Inside the work's transaction: the fence. Returns the database's now; raises LeaseLost."""
        held = self._held.get(tenant_id)
        rows = held and execute(
            "ledger/sql/check_lease.sql",
            using=self.using,
            tenant=tenant_id,
            holder=self.holder,
            epoch=held.epoch,
            idle_seconds=IDLE_LEASES * self.seconds,
        )
        if not rows:
            self._held.pop(tenant_id, None)
            raise LeaseLost(f"the lease of tenant {tenant_id} is not ours any more")
        now: datetime = rows[0][0]
        return now

    def forget(self, tenant_id: UUID) -> None:
        """Stop believing in this lease (after an error): the next round asks the database."""
        self._held.pop(tenant_id, None)
