"""Walks runs through the scheduler without an agent: schedule, claim, report; asserts nothing by itself."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any
from uuid import UUID

from controlplane.execution import report
from controlplane.execution.logs import log_place
from controlplane.executors.agents import register_agent
from controlplane.executors.local import AgentRef, LocalExecutor, claim_tasks
from controlplane.foundation.clock import utc_now
from controlplane.ledger.models.dag_run import DagRun
from controlplane.ledger.models.task_instance import TaskInstance
from controlplane.runs.trigger import trigger_run
from controlplane.scheduler.lease import Leases
from controlplane.scheduler.work import Handlers, Round, work_for
from taskwire.agent import Operation, Register, Report, Verdict
from taskwire.version import WIRE_VERSION
from taskwire.workload import Workload
from tenants.models.tenant import Tenant
from tenants.scope import tenant_scope


@dataclass
class Walk:
    """One tenant, one scheduler, one agent."""

    tenant: Tenant
    agent: AgentRef
    leases: Leases
    handlers: Handlers = field(default_factory=dict)
    """Of other stations' items: none by default."""

    def trigger(self, dag_id: str, **more: Any) -> DagRun:
        values: dict[str, Any] = {
            "run_id": None,
            "logical_date": None,
            "run_after": None,
            "conf": None,
            "note": None,
            "triggered_by": "rest_api",
            "user": "somebody",
            "now": utc_now(),
        }
        with tenant_scope(self.tenant.id):
            return trigger_run(dag_id=dag_id, **{**values, **more})

    def schedule(self) -> Round:
        """Rounds until nothing is left to do at once; returns the sum."""
        total = Round()
        for _ in range(100):
            assert self.leases.take(self.tenant.id)
            done = work_for(
                tenant_id=self.tenant.id,
                leases=self.leases,
                executor=LocalExecutor(),
                handlers=self.handlers,
            )
            total.dispatched += done.dispatched
            total.held = done.held
            total.items += done.items
            total.runs_over += done.runs_over
            if not done.more:
                return total
        raise AssertionError("the scheduler never came to rest")

    def claim(self, batch: int = 1000) -> list[Workload]:
        with tenant_scope(self.tenant.id):
            return claim_tasks(
                tenant_id=self.tenant.id,
                slug=self.tenant.slug,
                agent=self.agent,
                batch=batch,
                now=utc_now(),
                issue_token=lambda **_: "token",
                log_place=log_place,
                using="default",
            )

    def report(self, *reports: Report) -> list[Verdict]:
        with tenant_scope(self.tenant.id):
            return report.apply(reports=reports, now=utc_now())

    def say(self, work: Workload, state: str, *before: Operation, **body: Any) -> Verdict:
        """One report of one attempt: what came before, then its state."""
        said = {"state": state, "end_date": utc_now().isoformat(), **body}
        operations = [*before, Operation(kind="state", body=said)]
        return self.report(
            Report(id=work.id, tenant_id=str(self.tenant.id), epoch=work.epoch, operations=operations)
        )[0]

    def run_all(self, outcome: Any = None) -> None:
        """Schedule, claim and finish until nothing runs. `outcome(work) -> (state, operations)`."""
        for _ in range(1000):
            self.schedule()
            works = self.claim()
            if not works:
                return
            for work in works:
                state, before = outcome(work) if outcome else ("success", [])
                assert self.say(work, state, *before).verdict == "accepted"
        raise AssertionError("the run never came to rest")

    def states(self, run: DagRun) -> dict[str, str | None]:
        """task_id (with [index] when mapped) -> state."""
        with tenant_scope(self.tenant.id):
            rows = TaskInstance.objects.filter(dag_run_id=run.id).values_list("task_id", "map_index", "state")
            return {f"{t}[{m}]" if m >= 0 else t: s for t, m, s in rows}

    def run_state(self, run: DagRun) -> str:
        with tenant_scope(self.tenant.id):
            return DagRun.objects.get(id=run.id).state

    def instance(self, run: DagRun, task_id: str, map_index: int = -1) -> TaskInstance:
        with tenant_scope(self.tenant.id):
            return TaskInstance.objects.get(dag_run_id=run.id, task_id=task_id, map_index=map_index)


def walk_for(tenant: Tenant, *, name: str = "agent") -> Walk:
    """A walk with an agent of its own."""
    row, epoch = register_agent(
        message=Register(name=name, wire_version=WIRE_VERSION, slots=8, hostname="host", pid=1),
        lease_seconds=3600,  # a walk does not beat, however long it takes
        using="scheduler",
    )
    agent = AgentRef(id=UUID(str(row)), epoch=epoch, hostname="host", queues=["default"])
    return Walk(tenant=tenant, agent=agent, leases=Leases())
