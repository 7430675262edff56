"""Paused: what runs goes on, nothing new begins. Resumed: everything that waited does."""

from __future__ import annotations

import pytest

from controlplane.foundation.clock import utc_now
from controlplane.ledger.models.dag import Dag
from controlplane.runs.pause import set_paused
from controlplane.runs.trigger import DagUnknown
from tenants.models.tenant import Tenant
from tenants.scope import tenant_scope
from tests.support import invariants, specs
from tests.support.factories import parsed_dag
from tests.support.walk import walk_for

pytestmark = pytest.mark.django_db


def _set(tenant: Tenant, is_paused: bool, dag_id: str = "chain") -> Dag:
    with tenant_scope(tenant.id):
        return set_paused(dag_id=dag_id, is_paused=is_paused, now=utc_now())


def test_a_triggered_run_waits_until_its_dag_is_resumed(tenant: Tenant) -> None:
    parsed_dag(tenant, specs.chain("chain", 1, is_paused_upon_creation=True))
    walk = walk_for(tenant)
    run = walk.trigger("chain")
    walk.schedule()
    assert walk.run_state(run) == "queued"
    _set(tenant, False)
    walk.run_all()
    assert walk.run_state(run) == "success"


def test_a_running_task_ends_and_the_next_waits_as_in_airflow(tenant: Tenant) -> None:
    parsed_dag(tenant, specs.chain("chain", 2))
    walk = walk_for(tenant)
    run = walk.trigger("chain")
    walk.schedule()
    [work] = walk.claim()
    _set(tenant, True)
    assert walk.say(work, "success").verdict == "accepted"
    walk.schedule()
    assert walk.states(run) == {"task_0": "success", "task_1": "scheduled"}
    assert walk.claim() == []
    _set(tenant, False)
    walk.run_all()
    assert walk.run_state(run) == "success"
    invariants.check(tenant, at_rest=True)


def test_a_paused_dag_has_no_next_run_and_a_resumed_one_has(tenant: Tenant) -> None:
    cron = {"kind": "cron", "expression": "0 0 * * *", "summary": "", "description": ""}
    parsed_dag(tenant, specs.chain("chain", 1, timetable=cron, is_paused_upon_creation=True))
    walk = walk_for(tenant)
    assert _set(tenant, True).is_paused
    walk.schedule()
    with tenant_scope(tenant.id):
        assert Dag.objects.get().next_run_after is None
    _set(tenant, False)
    walk.schedule()
    [work] = walk.claim()
    assert work.task is not None
    assert work.task.ti["run_id"].startswith("scheduled__")
    with tenant_scope(tenant.id):
        dag = Dag.objects.get()
        assert dag.next_run_after is not None
        assert dag.next_run_after > utc_now()


def test_a_stranger_pauses_nothing(tenant: Tenant, other_tenant: Tenant) -> None:
    parsed_dag(tenant, specs.chain("chain", 1))
    with pytest.raises(DagUnknown):
        _set(other_tenant, True)
    with tenant_scope(tenant.id):
        assert not Dag.objects.get().is_paused
