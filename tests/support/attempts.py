"""Attempts that run, with their tokens: what the Task Execution API is called with."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any
from uuid import UUID

from controlplane.execution import tokens
from controlplane.foundation.clock import utc_now
from controlplane.ledger import external, transitions
from controlplane.ledger.models.dag import Dag
from controlplane.ledger.models.dag_run import DagRun
from controlplane.ledger.models.task_instance import TaskInstance
from tenants.models.tenant import Tenant
from tenants.scope import tenant_scope
from tests.support.actors import Door
from tests.support.factories import created_run, parsed_dag
from tests.support.specs import dag as dag_spec
from tests.support.specs import task as task_spec

HOST, PID, USER = "worker-1", 4711, "airflow"


@dataclass(frozen=True)
class Try:
    """One attempt as it was dispatched. `row()` is what became of its task instance."""

    tenant: Tenant
    run: DagRun
    id: UUID
    epoch: int
    token: str

    def door(self) -> Door:
        return Door(prefix="/execution/", token=self.token)

    def row(self) -> TaskInstance:
        with tenant_scope(self.tenant.id):
            return TaskInstance.objects.get(id=self.id)

    def start(self) -> Try:
        """Run it, as a supervisor on HOST does."""
        with tenant_scope(self.tenant.id):
            assert external.start_external(
                task_instance=self.id,
                epoch=self.epoch,
                hostname=HOST,
                unixname=USER,
                pid=PID,
                now=utc_now(),
            )
        return self

    def end(self, state: str) -> Try:
        """Its outcome, through the ledger."""
        now = utc_now()
        outcome = transitions.Outcome(id=self.id, epoch=self.epoch, state=state, ended_at=now, due_at=now)
        with tenant_scope(self.tenant.id):
            assert transitions.finish_tasks(outcomes=[outcome], now=now) == {(self.id, self.epoch)}
        return self

    def again(self) -> Try:
        """The next attempt of the same task instance: due, promoted and dispatched with a new epoch."""
        with tenant_scope(self.tenant.id):
            assert transitions.promote_due(ids=[self.id], now=utc_now(), using="default") == 1
        return dispatch(self.tenant, self.run, self.id)


def parsed_pair(tenant: Tenant, **fields: Any) -> Dag:
    """A DAG `example` of two tasks, `first` (two retries) and `second`."""
    first = task_spec("first", "second", retries=2, retry_delay_seconds=0.0)
    return parsed_dag(tenant, dag_spec("example", [first, task_spec("second")], **fields))


def queued_try(tenant: Tenant, dag: Dag | None = None, **run: Any) -> Try:
    """`first` of a begun run, dispatched and not started."""
    created = created_run(tenant, dag or parsed_pair(tenant), **run)
    with tenant_scope(tenant.id):
        dag_row = Dag.objects.get(dag_id=created.dag_id)
        transitions.start_runs(dags=[dag_row.id], now=utc_now(), using="default")
        transitions.promote_roots(runs=[created.id], now=utc_now(), using="default")
        first = TaskInstance.objects.get(dag_run_id=created.id, task_id="first")
    return dispatch(tenant, created, first.id)


def running_try(tenant: Tenant, dag: Dag | None = None, **run: Any) -> Try:
    """The same, started."""
    return queued_try(tenant, dag, **run).start()


def dispatch(tenant: Tenant, run: DagRun, task_instance_id: UUID) -> Try:
    """A scheduled task instance becomes an attempt with a token."""
    with tenant_scope(tenant.id):
        [(_, epoch)] = transitions.dispatch_tasks(ids=[task_instance_id], now=utc_now(), using="default")
        row = TaskInstance.objects.get(id=task_instance_id)
    token = tokens.issue(
        tenant_id=tenant.id,
        task_instance_id=task_instance_id,
        epoch=epoch,
        try_number=row.try_number,
        now=utc_now(),
    )
    return Try(tenant=tenant, run=run, id=task_instance_id, epoch=epoch, token=token)
