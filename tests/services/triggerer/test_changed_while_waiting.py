"""Tasks that wait (for an instant, a trigger, a person) and are cleared, marked or deleted: nothing of the wait is left."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from api.agent import wiring
from controlplane.execution import tokens
from controlplane.foundation.clock import utc_now
from controlplane.ledger.deferral import time_out_input, wake_triggers
from controlplane.ledger.models.dag_run import DagRun
from controlplane.ledger.models.task_instance import TaskInstance
from controlplane.ledger.models.trigger import Trigger
from controlplane.ledger.models.workload import Workload
from controlplane.ledger.models.xcom import XCom
from controlplane.triggerer.beat import GONE, beat_triggers
from controlplane.triggerer.claim import claim_triggers
from taskwire.agent import Operation, Report
from taskwire.workload import Workload as Order
from tenants.models.tenant import Tenant
from tenants.scope import tenant_scope
from tests.support import invariants, specs
from tests.support.actors import Actor
from tests.support.deferrals import ahead, to_own, until
from tests.support.hands import clear, mark, mark_run
from tests.support.scene import Scene, scene

pytestmark = pytest.mark.django_db

WAITS: dict[str, Callable[[], tuple[str, dict[str, Any]]]] = {
    "timer": lambda: ("deferred", until(ahead(hours=1), trigger_timeout="PT2H")),
    "trigger": lambda: ("deferred", to_own(trigger_timeout="PT2H")),
    "person": lambda: ("awaiting_input", {"next_method": "execute_complete", "timeout": "PT2H"}),
}


@pytest.fixture(autouse=True)
def wired() -> None:
    wiring.connect()


@pytest.fixture(params=WAITS)
def it(request: pytest.FixtureRequest, tenant: Tenant) -> Scene:
    """A run whose first task waits and whose second comes after it."""
    made = scene(tenant, specs.task("only", "after"), specs.task("after")).begin()
    order = made.start("only")["only"]
    state, said = WAITS[request.param]()
    assert made.walk.say(order, state, **said).verdict == "accepted"
    assert made.states()["only"] == state
    return made


def _claim(it: Scene) -> list[Order]:
    with tenant_scope(it.tenant.id):
        return claim_triggers(
            tenant_id=it.tenant.id,
            slug=it.tenant.slug,
            agent=it.walk.agent,
            batch=10,
            now=utc_now(),
            issue_token=tokens.issue,
            log_place=lambda **_: ("log", 0),
            using="default",
        )


def _fire(it: Scene, order: Order, **body: Any) -> None:
    said = [Operation(kind="trigger_event", body=body)]
    report = Report(id=order.id, tenant_id=str(it.tenant.id), epoch=order.epoch, operations=said)
    assert it.walk.report(report)[0].verdict == "accepted"


def _rush(it: Scene) -> None:
    """Everything that was due later is due now, and looked at."""
    with tenant_scope(it.tenant.id):
        ids = list(TaskInstance.objects.values_list("id", flat=True))
        for handle in (wake_triggers, time_out_input):
            handle(ids=ids, now=ahead(hours=3), using="default")


def _left(it: Scene, agent_holds: list[Order]) -> tuple[int, list[Any]]:
    """(rows of triggers, what the agent is told to stop)."""
    told = beat_triggers(
        agent_id=str(it.walk.agent.id),
        agent_epoch=it.walk.agent.epoch,
        held=[(str(it.tenant.id), order.id, order.epoch) for order in agent_holds],
        using="scheduler",
    )
    with tenant_scope(it.tenant.id):
        return Workload.objects.filter(kind="trigger").count(), told


def test_cleared_it_begins_anew_and_hears_nothing_of_its_old_wait(it: Scene) -> None:
    held = _claim(it)
    clear(it, "only")
    assert _left(it, held) == (0, [(order.id, order.epoch, GONE) for order in held])
    it.walk.schedule()
    for order in held:
        _fire(it, order, payload="late")
    _rush(it)
    row = it.row("only")
    assert (row.state, row.try_number, row.next_method, row.next_kwargs) == ("queued", 2, None, None)
    (again,) = it.walk.claim()
    assert again.task is not None and again.task.ti_context["next_method"] is None
    assert it.walk.say(again, "success").verdict == "accepted"
    it.walk.run_all()
    assert it.states() == {"only": "success", "after": "success"}
    invariants.check(it.tenant, at_rest=True)


@pytest.mark.parametrize("state", ["success", "failed"])
def test_marked_it_waits_no_more(it: Scene, state: str) -> None:
    held = _claim(it)
    mark(it, state, "only")
    assert _left(it, held) == (0, [(order.id, order.epoch, GONE) for order in held])
    for order in held:
        _fire(it, order, ends="skipped", xcoms={"return_value": 1})
    _rush(it)
    assert it.states()["only"] == state
    with tenant_scope(it.tenant.id):
        assert not XCom.objects.exists()
    it.walk.run_all()
    assert it.states()["after"] == ("success" if state == "success" else "upstream_failed")
    invariants.check(it.tenant, at_rest=True)


@pytest.mark.parametrize("state", ["success", "failed"])
def test_its_run_is_marked(it: Scene, state: str) -> None:
    held = _claim(it)
    mark_run(it, state)
    assert _left(it, held)[0] == 0
    for order in held:
        _fire(it, order, payload="late")
    _rush(it)
    it.walk.schedule()
    assert it.states() == {"only": state, "after": "skipped"}
    assert it.run_row().state == state
    invariants.check(it.tenant, at_rest=True, said={it.run.run_id})


def test_its_run_is_deleted_only_when_it_is_over(it: Scene, member: Actor) -> None:
    held = _claim(it)
    path = f"/dags/scene/dagRuns/{it.run.run_id}"
    assert member.v2().delete(path).status == 409
    mark_run(it, "failed")
    assert member.v2().delete(path).status == 204
    _nothing_is_left(it, held)


def test_its_dag_is_deleted(it: Scene, member: Actor) -> None:
    held = _claim(it)
    assert member.v2().delete("/dags/scene").status == 204
    _nothing_is_left(it, held)


def _nothing_is_left(it: Scene, held: list[Order]) -> None:
    assert _left(it, held) == (0, [(order.id, order.epoch, GONE) for order in held])
    for order in held:
        _fire(it, order, payload="late")
    it.walk.schedule()
    with tenant_scope(it.tenant.id):
        assert not Trigger.objects.exists() and not DagRun.objects.exists()
    invariants.check(it.tenant, at_rest=True)


def test_strangers_end_no_wait(it: Scene, other_tenant: Tenant, stranger: Actor) -> None:
    row = it.row("only")
    with tenant_scope(other_tenant.id):
        for handle in (wake_triggers, time_out_input):
            handle(ids=[row.id], now=ahead(hours=3), using="default")
    path = f"/dags/scene/dagRuns/{it.run.run_id}"
    body = {"new_state": "failed"}
    assert stranger.v2(at=it.tenant).patch(f"{path}/taskInstances/only", body).status == 404
    assert stranger.v2(at=it.tenant).delete("/dags/scene").status == 404
    assert it.states()["only"] == row.state


def test_each_index_of_a_mapped_task_waits_for_itself(tenant: Tenant) -> None:
    many = {"is_mapped": True, "expand": {"kind": "literal", "length": 3}}
    it = scene(tenant, specs.task("only", "after", **many), specs.task("after")).begin()
    it.walk.schedule()
    orders = {order.task.ti["map_index"]: order for order in it.walk.claim() if order.task}
    assert sorted(orders) == [0, 1, 2]
    it.walk.say(orders[0], "deferred", **until(ahead(hours=-1)))
    it.walk.say(orders[1], "deferred", **to_own())
    it.walk.say(orders[2], "deferred", **to_own())
    it.walk.schedule()
    held = {
        order.trigger.ti["map_index"]: order for order in _claim(it) if order.trigger and order.trigger.ti
    }
    assert sorted(held) == [1, 2]
    _fire(it, held[1], payload="one")
    _fire(it, held[2], ends="success", xcoms={"return_value": "two"})
    it.walk.schedule()
    going = {order.task.ti["map_index"]: order for order in it.walk.claim() if order.task}
    assert sorted(going) == [0, 1]
    assert it.row("only", 1).next_kwargs == {"word": "kept", "event": "one"}
    for order in going.values():
        it.walk.say(order, "success")
    it.walk.run_all()
    assert set(it.states().values()) == {"success"}
    with tenant_scope(tenant.id):
        assert XCom.objects.values_list("map_index", "value").get() == (2, "two")
    invariants.check(tenant, at_rest=True)
