"""Claims callbacks as an agent does and says how they go, without an agent."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from api.agent import wiring
from controlplane.execution import report
from controlplane.executors.local import claim_other
from controlplane.foundation.clock import utc_now
from controlplane.ledger.models.callback import Callback
from taskwire.agent import Operation, Report, Verdict
from taskwire.workload import Workload
from tenants.scope import tenant_scope
from tests.support.walk import Walk


@dataclass(frozen=True)
class Desk:
    """Callbacks of the walk's tenant, claimed by the walk's agent."""

    walk: Walk

    def owed(self) -> list[Callback]:
        """All of the tenant's callbacks, oldest first."""
        with tenant_scope(self.walk.tenant.id):
            return list(Callback.objects.order_by("id"))

    def kinds(self) -> list[tuple[str, str]]:
        """(kind, state) of each."""
        return [(one.kind, one.state) for one in self.owed()]

    def claim(self, batch: int = 100) -> list[Workload]:
        tenant = self.walk.tenant
        with tenant_scope(tenant.id):
            return claim_other(
                tenant_id=tenant.id,
                slug=tenant.slug,
                agent=self.walk.agent,
                batch=batch,
                kinds=["callback"],
                payloads=wiring.PAYLOADS,
                now=utc_now(),
                using="default",
            )

    def say(self, work: Workload, kind: str, **body: Any) -> Verdict:
        """One operation of one claim."""
        wiring.connect()
        told = Report(
            id=work.id,
            tenant_id=str(self.walk.tenant.id),
            epoch=work.epoch,
            operations=[Operation(kind=kind, body=body)],
        )
        with tenant_scope(self.walk.tenant.id):
            return report.apply(reports=[told], now=utc_now())[0]

    def begin(self, work: Workload) -> Verdict:
        return self.say(work, "callback_begun")

    def done(self, work: Workload, state: str = "success", message: str = "") -> Verdict:
        return self.say(work, "callback_done", state=state, message=message)

    def run_all(self) -> list[Workload]:
        """Claim, begin and end everything that is owed."""
        works = self.claim()
        for work in works:
            assert self.begin(work).verdict == "accepted"
            assert self.done(work).verdict == "accepted"
        return works
