"""hand_back_tasks.sql: user code never ran, so no try is spent."""

from __future__ import annotations

import pytest

from controlplane.foundation.clock import utc_now
from controlplane.ledger.transitions import Outcome, finish_tasks
from taskwire.workload import Workload
from tenants.models.tenant import Tenant
from tenants.scope import tenant_scope
from tests.support.scene import Scene, scene

pytestmark = pytest.mark.django_db


def _back(it: Scene, epoch: int = 1) -> int:
    rows = it.execute("hand_back_tasks", ids=[it.row("only").id], epochs=[epoch], now=utc_now())
    return len(rows)


def test_it_is_scheduled_again_once(tenant: Tenant) -> None:
    it = scene(tenant).begin()
    it.start("only")
    assert _back(it) == 1
    row = it.row("only")
    assert (row.state, row.try_number, row.start_date, row.agent_id) == ("scheduled", 1, None, None)
    assert (it.workloads(), it.items()) == ([], [("admit", None)])
    assert _back(it) == 0


def test_a_late_epoch_hands_nothing_back(tenant: Tenant) -> None:
    it = scene(tenant).begin()
    it.start("only")
    assert _back(it, epoch=0) == 0
    late = {"ids": [it.row("only").id], "epochs": [0], "now": utc_now()}
    assert it.without("hand_back_tasks", "AND ti.epoch = i.epoch", **late)
    it.walk.say(_order(it), "success")
    assert _back(it) == 0
    assert it.states() == {"only": "success"}


def test_a_resumed_task_keeps_when_it_began(tenant: Tenant) -> None:
    it = scene(tenant).begin()
    it.start("only")
    began = it.row("only").start_date
    with tenant_scope(tenant.id):
        outcome = Outcome(
            id=it.row("only").id, epoch=1, state="deferred", ended_at=utc_now(), next_method="go"
        )
        assert finish_tasks(outcomes=[outcome], now=utc_now())
        # The trigger fired: the triggerer's own move.
        type(it.row("only")).objects.filter(id=it.row("only").id).update(state="scheduled")
    it.walk.schedule()
    assert len(it.walk.claim()) == 1
    assert _back(it, epoch=2) == 1
    assert it.row("only").start_date == began
    it.walk.schedule()
    [again] = it.walk.claim()
    assert again.task is not None
    assert again.task.ti_context["next_method"] == "go"


def test_a_stranger_hands_nothing_back(tenant: Tenant, other_tenant: Tenant) -> None:
    it, other = scene(tenant).begin(), scene(other_tenant)
    it.start("only")
    assert other.execute("hand_back_tasks", ids=[it.row("only").id], epochs=[1], now=utc_now()) == []
    assert it.states() == {"only": "running"}


def _order(it: Scene) -> Workload:
    row = it.row("only")
    return Workload(
        id=str(row.id), tenant_id=str(it.tenant.id), tenant=it.tenant.slug, epoch=row.epoch, kind="task"
    )
