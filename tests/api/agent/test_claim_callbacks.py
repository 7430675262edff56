"""Callbacks have slots of their own at the agents' door: they hold up neither parses nor other tenants."""

from __future__ import annotations

from uuid import uuid4

import pytest

from api.agent import wiring, work
from controlplane.foundation.clock import utc_now
from controlplane.ledger.models.workload import Workload as WorkloadRow
from taskwire.agent import Claim, Operation, Report, ReportBatch
from taskwire.workload import Workload
from tenants.models.tenant import Tenant
from tenants.scope import tenant_scope
from tests.support import specs
from tests.support.scene import Scene, scene

pytestmark = pytest.mark.django_db
KILLED = {"reason": "signal", "message": "Task killed by SIGKILL."}


def owing(tenant: Tenant, count: int) -> Scene:
    """A run with this many killed tasks, each with a callback."""
    names = [f"t{number}" for number in range(count)]
    it = scene(tenant, *(specs.task(name, has_callbacks=["on_failure"]) for name in names)).begin()
    for order in it.start(*names).values():
        it.walk.say(order, "failed", died=KILLED)
    return it


def claim(it: Scene, **slots: int) -> list[Workload]:
    agent = it.walk.agent
    asked = {"slots": 0, "parse_slots": 0, **slots}
    return work.claim(
        Claim(agent_id=str(agent.id), epoch=agent.epoch, wait_seconds=0, **asked)  # type: ignore[arg-type]
    ).workloads


def test_an_agent_that_asks_for_none_gets_none(tenant: Tenant) -> None:
    it = owing(tenant, 1)
    assert claim(it, slots=8, parse_slots=8) == []
    assert [one.kind for one in claim(it, callback_slots=8)] == ["callback"]


def test_a_tenant_has_two_at_a_time_and_another_is_not_held_up(tenant: Tenant, other_tenant: Tenant) -> None:
    it, _ = owing(tenant, 5), owing(other_tenant, 1)
    first = claim(it, callback_slots=8)
    assert sorted(one.tenant for one in first) == sorted([tenant.slug] * 2 + [other_tenant.slug])
    assert claim(it, callback_slots=8) == []
    mine = next(one for one in first if one.tenant == tenant.slug)
    said = [Operation(kind=kind) for kind in ("callback_begun", "callback_done")]
    told = Report(id=mine.id, tenant_id=mine.tenant_id, epoch=mine.epoch, operations=said)
    agent = it.walk.agent
    wiring.connect()
    answer = work.report_batch(ReportBatch(agent_id=str(agent.id), epoch=agent.epoch, reports=[told]))
    assert [one.verdict for one in answer.verdicts] == ["accepted"]
    assert len(claim(it, callback_slots=8)) == 1, "its turn came free"


def test_callbacks_and_parses_take_no_turn_from_each_other(tenant: Tenant) -> None:
    it = owing(tenant, 3)
    with tenant_scope(tenant.id):
        WorkloadRow(tenant=tenant, kind="parse", ref=uuid4(), epoch=1, dispatched_at=utc_now()).save()
    assert len(claim(it, callback_slots=8)) == 2
    assert claim(it, parse_slots=8) == [], (
        "there is no such bundle: the order is dropped, so it was given out"
    )
    with tenant_scope(tenant.id):
        assert not WorkloadRow.objects.filter(kind="parse").exists()
