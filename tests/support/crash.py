"""A process dies at a named point; then life goes on. What the ledger and a journal say afterwards.

The journal is a file outside the product, to which the "task" of this test writes a line when it succeeds:
the ledger is not asked to testify for itself.
"""

from __future__ import annotations

import signal
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from controlplane.foundation.clock import utc_now
from controlplane.ledger.models.dag_run import DagRun
from controlplane.ledger.models.task_instance import TaskInstance
from controlplane.maintenance.rescue import rescue_lost
from taskwire.agent import Operation
from taskwire.workload import Workload
from tenants.models.tenant import Tenant
from tenants.scope import tenant_scope
from tests.support import invariants, specs
from tests.support.children import child
from tests.support.factories import parsed_dag
from tests.support.walk import Walk, walk_for

TASKS = 3


@dataclass
class Crash:
    """One tenant with a DAG `crash` of three tasks, an agent, and a journal."""

    tenant: Tenant
    superuser: Any
    journal: Path
    walk: Walk = field(init=False)

    def __post_init__(self) -> None:
        tasks = [specs.task("a", "c"), specs.task("b", "c"), specs.task("c")]
        parsed_dag(self.tenant, specs.dag("crash", tasks))
        self.walk = walk_for(self.tenant, name="crashing")
        self.journal.touch()

    def trigger(self) -> None:
        self.walk.trigger("crash", run_id="run")

    def dies(self, act: str, at: str, **arguments: Any) -> None:
        """A process that does `act` is killed at the point, and nowhere else."""
        with child(act, crash=at, tenant=str(self.tenant.id), **arguments) as process:
            assert process.wait() == -signal.SIGKILL, process.heard
            assert process.heard == [], "it died before it could say that it was done"

    def agent(self) -> dict[str, Any]:
        return {"agent": str(self.walk.agent.id), "epoch": self.walk.agent.epoch}

    def succeed(self, work: Workload) -> dict[str, Any]:
        """The task's own work: a line in the journal. Returns the report, as JSON."""
        assert work.task is not None
        with self.journal.open("a") as file:
            file.write(f"{work.task.ti['task_id']} {work.epoch}\n")
        operations = [
            {"kind": "xcom_set", "body": {"key": "return_value", "value": work.epoch}},
            {"kind": "state", "body": {"state": "success"}},
        ]
        return {"id": work.id, "tenant_id": work.tenant_id, "epoch": work.epoch, "operations": operations}

    def sql(self, statement: str) -> None:
        """Time passes: as the superuser."""
        with self.superuser.cursor() as cursor:
            cursor.execute(statement)

    def let_leases_lapse(self) -> None:
        self.sql("UPDATE tenant_lease SET lease_until = clock_timestamp() - interval '1 second'")

    def silence_agents(self) -> None:
        self.sql("UPDATE agent SET lease_until = clock_timestamp() - interval '1 second'")

    def rescue(self) -> int:
        return rescue_lost(now=utc_now(), give_up={})

    def finish(self) -> None:
        """The normal flow to the end, by the survivors."""
        self.let_leases_lapse()
        self.walk.leases.forget(self.tenant.id)
        for _ in range(20):
            self.walk.schedule()
            works = self.walk.claim()
            if not works:
                return
            for work in works:
                report = self.succeed(work)
                before = [Operation(**one) for one in report["operations"][:-1]]
                assert self.walk.say(work, "success", *before).verdict == "accepted"
        raise AssertionError("the run never ended")

    def check(self) -> None:
        """One run, every task a success once, by the ledger and by the journal; and the books balance."""
        with tenant_scope(self.tenant.id):
            assert list(DagRun.objects.values_list("run_id", "state")) == [("run", "success")]
            rows = list(TaskInstance.objects.values_list("task_id", "state", "epoch"))
        assert sorted((task, state) for task, state, _ in rows) == [
            ("a", "success"),
            ("b", "success"),
            ("c", "success"),
        ]
        done = Counter(tuple(line.split()) for line in self.journal.read_text().splitlines())
        assert done == {(task, str(epoch)): 1 for task, _, epoch in rows}, (
            "no success twice, none of an old epoch"
        )
        invariants.check(self.tenant, at_rest=True)
