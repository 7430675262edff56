"""One run in a known state, for tests of single statements, and statements without their guards.

Rows are made by the ledger's own verbs, never by hand.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from django.db import connections, transaction

from controlplane.foundation.clock import utc_now
from controlplane.foundation.db import execute, statement
from controlplane.ledger import transitions
from controlplane.ledger.models.dag import Dag
from controlplane.ledger.models.dag_run import DagRun
from controlplane.ledger.models.task_instance import TaskInstance
from controlplane.ledger.models.work_item import WorkItem
from controlplane.ledger.models.workload import Workload
from taskwire.workload import Workload as Order
from tenants.models.tenant import Tenant
from tenants.scope import tenant_scope
from tests.support import specs
from tests.support.factories import parsed_dag
from tests.support.walk import Walk, walk_for

Rows = list[tuple[Any, ...]]


@dataclass
class Scene:
    """A run of one DAG. Everything opens the tenant's scope by itself."""

    tenant: Tenant
    walk: Walk
    run: DagRun

    def execute(self, file: str, **parameters: Any) -> Rows:
        """One statement of `ledger/sql`, as the application's role in this tenant's scope."""
        with tenant_scope(self.tenant.id):
            return execute(f"ledger/sql/{file}.sql", **parameters)

    def without(self, file: str, *guards: str, **parameters: Any) -> Rows:
        """The same statement with each of `guards` cut out of its text, rolled back: what it would have moved."""
        text = statement(f"ledger/sql/{file}.sql").text
        for guard in guards:
            assert guard in text, f"{file} has no {guard!r}"
            text = text.replace(guard, "")
        with tenant_scope(self.tenant.id), rolled_back(), connections["default"].cursor() as cursor:
            cursor.execute(text, parameters)
            return list(cursor.fetchall()) if cursor.description else []

    def row(self, task_id: str, map_index: int = -1) -> TaskInstance:
        return self.walk.instance(self.run, task_id, map_index)

    def states(self) -> dict[str, str | None]:
        return self.walk.states(self.run)

    def run_row(self) -> DagRun:
        with tenant_scope(self.tenant.id):
            return DagRun.objects.get(id=self.run.id)

    def dag_row(self) -> Dag:
        with tenant_scope(self.tenant.id):
            return Dag.objects.get(dag_id=self.run.dag_id)

    def items(self, kind: str | None = None) -> list[tuple[str, Any]]:
        """(kind, ref) of the tenant's work items; that usage is to be counted follows any end, and is asked for by name."""
        with tenant_scope(self.tenant.id):
            rows = WorkItem.objects.filter(kind=kind) if kind else WorkItem.objects.exclude(kind="usage")
            return list(rows.values_list("kind", "ref"))

    def forget_items(self) -> None:
        with tenant_scope(self.tenant.id):
            WorkItem.objects.all().delete()

    def workloads(self) -> list[tuple[Any, int]]:
        """(ref, epoch) of the tenant's workloads."""
        with tenant_scope(self.tenant.id):
            return list(Workload.objects.values_list("ref", "epoch"))

    def begin(self) -> Scene:
        """The run is running; its roots are scheduled, nothing is dispatched."""
        with tenant_scope(self.tenant.id):
            transitions.start_runs(dags=[self.dag_row().id], now=utc_now(), using="default")
            transitions.promote_roots(runs=[self.run.id], now=utc_now(), using="default")
        self.forget_items()
        return self

    def dispatch(self, *task_ids: str) -> Scene:
        """Scheduled tasks are queued."""
        ids = [self.row(task_id).id for task_id in task_ids]
        with tenant_scope(self.tenant.id):
            assert len(transitions.dispatch_tasks(ids=ids, now=utc_now(), using="default")) == len(ids)
        return self

    def start(self, *task_ids: str) -> dict[str, Order]:
        """Scheduled tasks run."""
        self.dispatch(*task_ids)
        orders = {work.task.ti["task_id"]: work for work in self.walk.claim() if work.task}
        assert set(orders) == set(task_ids)
        return orders

    def end(self, task_id: str, state: str) -> TaskInstance:
        """A scheduled task ends with `state`; its end is not propagated."""
        self.start(task_id)
        row = self.row(task_id)
        outcome = transitions.Outcome(
            id=row.id, epoch=row.epoch, state=state, ended_at=utc_now(), due_at=utc_now()
        )
        with tenant_scope(self.tenant.id):
            assert transitions.finish_tasks(outcomes=[outcome], now=utc_now())
        return self.row(task_id)

    def propagate(self, *task_ids: str) -> Rows:
        ids = [self.row(task_id).id for task_id in task_ids]
        return self.execute("propagate_ends", ids=ids, now=utc_now())


def scene(tenant: Tenant, *tasks: dict[str, Any], dag_id: str = "scene", **fields: Any) -> Scene:
    """A triggered run of a DAG of these tasks (a single one, `only`, by default)."""
    parsed_dag(tenant, specs.dag(dag_id, list(tasks) or [specs.task("only")], **fields))
    walk = walk_for(tenant, name=f"agent-of-{tenant.slug}")
    return Scene(tenant=tenant, walk=walk, run=walk.trigger(dag_id))


@contextmanager
def rolled_back(using: str = "default") -> Iterator[None]:
    """What happens inside leaves no trace."""
    with transaction.atomic(using=using):
        yield
        transaction.set_rollback(True, using=using)
