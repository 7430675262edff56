"""start_tasks.sql and start_external.sql: taking is starting, by one taker."""

from __future__ import annotations

from typing import Any
from uuid import uuid4

import pytest

from controlplane.foundation.clock import utc_now
from controlplane.ledger.models.workload import Workload
from tenants.models.tenant import Tenant
from tenants.scope import tenant_scope
from tests.support import specs
from tests.support.scene import Scene, scene
from tests.support.sessions import another_session

pytestmark = pytest.mark.django_db


def _take(it: Scene, **changes: Any) -> dict[str, Any]:
    values: dict[str, Any] = {
        "queues": ["default"],
        "batch": 10,
        "hostname": "host",
        "agent": it.walk.agent.id,
        "agent_epoch": 1,
        "now": utc_now(),
    }
    return {**values, **changes}


def _external(it: Scene, epoch: int = 1) -> dict[str, Any]:
    return {
        "id": it.row("only").id,
        "epoch": epoch,
        "hostname": "elsewhere",
        "unixname": "u",
        "pid": 7,
        "patience": 300.0,
        "now": utc_now(),
    }


def test_taking_is_starting_once(tenant: Tenant) -> None:
    it = scene(tenant).begin().dispatch("only")
    [row] = it.execute("start_tasks", **_take(it))
    assert row[:2] == (it.row("only").id, 1)
    assert it.states() == {"only": "running"}
    assert it.execute("start_tasks", **_take(it)) == []
    with tenant_scope(tenant.id):
        assert Workload.objects.get().agent_id == it.walk.agent.id


def test_queues_batches_and_priorities_are_respected(tenant: Tenant) -> None:
    it = scene(
        tenant,
        specs.task("low"),
        specs.task("high", priority_weight=9),
        specs.task("elsewhere", queue="gpu", priority_weight=99),
    ).begin()
    it.dispatch("low", "high", "elsewhere")
    assert [row[4] for row in it.execute("start_tasks", **_take(it, batch=1))] == ["high"]
    assert [row[4] for row in it.execute("start_tasks", **_take(it))] == ["low"]
    assert [row[4] for row in it.execute("start_tasks", **_take(it, queues=["gpu"]))] == ["elsewhere"]


def test_a_workload_whose_attempt_is_over_is_dropped(tenant: Tenant) -> None:
    it = scene(tenant).begin().dispatch("only")
    with tenant_scope(tenant.id):
        Workload.objects.update(epoch=7)
    assert it.execute("start_tasks", **_take(it)) == []
    assert (it.workloads(), it.states()) == ([], {"only": "queued"})
    with tenant_scope(tenant.id):
        Workload(tenant=tenant, kind="task", ref=it.row("only").id, epoch=9, dispatched_at=utc_now()).save()
    unguarded = it.without("start_tasks", "AND ti.epoch = p.epoch", **_take(it))
    assert len(unguarded) == 1, "without the epoch an old order would start the new attempt"


def test_what_another_taker_holds_is_passed_over(tenant: Tenant, superuser: Any) -> None:
    it = scene(tenant).begin().dispatch("only")
    with another_session(superuser) as other:
        other.execute("SELECT id FROM workload FOR UPDATE")
        assert it.execute("start_tasks", **_take(it)) == []
        assert it.execute("start_external", **_external(it)) == [], "and a supervisor does not wait for it"
    assert len(it.execute("start_tasks", **_take(it))) == 1


def test_a_supervisor_elsewhere_starts_the_attempt_that_it_names(tenant: Tenant) -> None:
    it = scene(tenant).begin().dispatch("only")
    assert it.execute("start_external", **_external(it, epoch=0)) == []
    assert len(it.execute("start_external", **_external(it))) == 1
    assert it.execute("start_external", **_external(it)) == []
    assert (it.workloads(), it.row("only").pid) == ([], 7)
    assert it.execute("start_tasks", **_take(it)) == []


def test_a_stranger_starts_nothing(tenant: Tenant, other_tenant: Tenant) -> None:
    it, other = scene(tenant).begin().dispatch("only"), scene(other_tenant)
    assert other.execute("start_tasks", **_take(other)) == []
    assert other.execute("start_external", **_external(it)) == []
    assert other.execute("start_external", **{**_external(it), "id": uuid4()}) == []
    assert it.states() == {"only": "queued"}
