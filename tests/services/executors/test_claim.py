"""Agents take work: each attempt once, fairly over tenants, from their queues, and told when it is theirs."""

from __future__ import annotations

import threading
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from django.db import DatabaseError, connections

from api.agent import work as door
from controlplane.executors.agents import AgentGone
from taskwire.agent import Claim, Register
from taskwire.version import WIRE_VERSION
from taskwire.workload import Workload
from tenants.models.tenant import Tenant
from tests.support import invariants, specs
from tests.support.factories import parsed_dag
from tests.support.walk import Walk, walk_for

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def forget_credits() -> None:
    """What earlier claims of this process have earned."""
    door._credits.clear()


def _ready(tenant: Tenant, count: int, **fields: Any) -> Walk:
    tasks = [specs.task(f"t{n}", **fields) for n in range(count)]
    parsed_dag(tenant, specs.dag("wide", tasks, max_active_tasks=count))
    walk = walk_for(tenant, name=f"of-{tenant.slug}")
    walk.trigger("wide")
    assert walk.schedule().dispatched == min(count, 128)
    return walk


def _agent(name: str = "claimer", queues: list[str] | None = None) -> Claim:
    answer = door.register(
        Register(
            name=name, wire_version=WIRE_VERSION, slots=8, hostname="h", pid=1, queues=queues or ["default"]
        )
    )
    return Claim(agent_id=answer.agent_id, epoch=answer.epoch, slots=1)


def _claim(agent: Claim, slots: int) -> list[Workload]:
    message = Claim(agent_id=agent.agent_id, epoch=agent.epoch, slots=slots, parse_slots=0)
    return door.claim(message).workloads


def test_four_at_once_take_each_attempt_once(tenant: Tenant, other_tenant: Tenant) -> None:
    for one in (tenant, other_tenant):
        _ready(one, 100)
    agents = [_agent(f"claimer-{n}") for n in range(4)]
    barrier = threading.Barrier(4)

    def take(agent: Claim) -> list[tuple[str, int]]:
        barrier.wait()
        taken: list[tuple[str, int]] = []
        empty = 0
        try:
            while empty < 3:  # another may hold what is left at just this moment
                got = _claim(agent, 7)
                empty = 0 if got else empty + 1
                taken += [(work.id, work.epoch) for work in got]
        finally:
            connections.close_all()
        return taken

    with ThreadPoolExecutor(4) as threads:
        taken = [key for part in threads.map(take, agents) for key in part]
    assert (len(taken), len(set(taken))) == (200, 200)
    for one in (tenant, other_tenant):
        invariants.check(one)


def test_a_flood_of_one_tenant_does_not_hold_up_another(tenant: Tenant, other_tenant: Tenant) -> None:
    _ready(tenant, 60)
    _ready(other_tenant, 6)
    agent = _agent()
    got = Counter(work.tenant for work in _claim(agent, 16))
    assert got[other_tenant.slug] == 6
    assert got[tenant.slug] == 10


def test_only_the_agents_queues_are_served(tenant: Tenant) -> None:
    with_gpu = _agent("gpu", ["default", "gpu"])
    _ready(tenant, 2, queue="gpu")
    assert _claim(_agent(), 10) == []
    assert len(_claim(with_gpu, 10)) == 2


def test_work_in_a_queue_nobody_serves_hides_no_other(tenant: Tenant, other_tenant: Tenant) -> None:
    _agent("gone", ["gpu"])
    _ready(tenant, 3, queue="gpu")
    _ready(other_tenant, 3)
    assert len(_claim(_agent(), 10)) == 3


def test_only_the_current_process_of_an_agent_claims(tenant: Tenant) -> None:
    _ready(tenant, 1)
    old = _agent()
    _agent()
    with pytest.raises(AgentGone):
        _claim(old, 1)


def test_what_was_claimed_is_told_when_the_next_tenant_fails(
    tenant: Tenant, other_tenant: Tenant, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The first tenant's attempts run in the ledger already: an error would lose them all."""
    _ready(tenant, 2)
    _ready(other_tenant, 2)
    claim, calls = door._claim, []

    def fail_second(kind: str, tenant_id: Any, *rest: Any) -> list[Workload]:
        calls.append(tenant_id)
        if len(set(calls)) > 1:
            raise DatabaseError("gone")
        return claim(kind, tenant_id, *rest)

    monkeypatch.setattr(door, "_claim", fail_second)
    assert len(_claim(_agent(), 10)) == 2


def test_one_tenants_unclaimable_work_hides_no_others(
    tenant: Tenant, other_tenant: Tenant, monkeypatch: pytest.MonkeyPatch
) -> None:
    _ready(tenant, 2)
    _ready(other_tenant, 2)
    claim = door._claim

    def poison(kind: str, tenant_id: Any, *rest: Any) -> list[Workload]:
        if tenant_id == tenant.id:
            raise KeyError("something nobody thought of")
        return claim(kind, tenant_id, *rest)

    monkeypatch.setattr(door, "_claim", poison)
    assert {work.tenant for work in _claim(_agent(), 10)} == {other_tenant.slug}
