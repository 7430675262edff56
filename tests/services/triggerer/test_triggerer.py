"""Triggers that need a process, without one: claimed, fired, failed, stopped, moved. Agents are played."""

from __future__ import annotations

from datetime import timedelta
from typing import Any
from uuid import UUID

import pytest

from api.agent import wiring, work
from api.agent.triggers import beat_triggers as answer_beat
from controlplane.execution import tokens
from controlplane.executors.local import AgentRef
from controlplane.foundation.clock import utc_now
from controlplane.ledger.models.callback import Callback
from controlplane.ledger.models.dag_run import DagRun
from controlplane.ledger.models.task_instance import TaskInstance
from controlplane.ledger.models.trigger import Trigger
from controlplane.ledger.models.workload import Workload
from controlplane.ledger.models.xcom import XCom
from controlplane.maintenance.rescue import rescue_lost
from controlplane.runs.waits import why_not_running
from controlplane.triggerer.beat import GONE, MOVED, beat_triggers
from controlplane.triggerer.claim import claim_triggers
from taskwire.agent import Claim, Operation, Report, TriggerBeat, Verdict
from taskwire.workload import Workload as Order
from tenants.limits.change import put_plan
from tenants.models.tenant import Tenant
from tenants.scope import tenant_scope
from tests.support import specs
from tests.support.actors import Door
from tests.support.deferrals import OWN, to_own
from tests.support.factories import parsed_dag
from tests.support.sessions import Other
from tests.support.walk import Walk, walk_for

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def wired() -> None:
    wiring.connect()


def _deferred(tenant: Tenant, number: int = 1, **fields: Any) -> Walk:
    """`number` tasks that wait for a trigger of their author's."""
    tasks = [specs.task(f"t{n}", **fields) for n in range(number)]
    parsed_dag(tenant, specs.dag("waits", tasks))
    walk = walk_for(tenant, name=f"agent-of-{tenant.slug}")
    walk.trigger("waits")
    walk.schedule()
    for order in walk.claim():
        assert walk.say(order, "deferred", **to_own()).verdict == "accepted"
    return walk


def _claim(walk: Walk, agent: AgentRef | None = None, batch: int = 100) -> list[Order]:
    with tenant_scope(walk.tenant.id):
        return claim_triggers(
            tenant_id=walk.tenant.id,
            slug=walk.tenant.slug,
            agent=agent or walk.agent,
            batch=batch,
            now=utc_now(),
            issue_token=tokens.issue,
            log_place=lambda **_: ("log", 7),
            using="default",
        )


def _say(walk: Walk, order: Order, kind: str, **body: Any) -> Verdict:
    operation = Operation(kind=kind, body=body)
    report = Report(id=order.id, tenant_id=str(walk.tenant.id), epoch=order.epoch, operations=[operation])
    return walk.report(report)[0]


def _row(walk: Walk, task_id: str = "t0") -> TaskInstance:
    with tenant_scope(walk.tenant.id):
        return TaskInstance.objects.get(task_id=task_id)


def _kinds(walk: Walk) -> list[str]:
    with tenant_scope(walk.tenant.id):
        return list(Workload.objects.values_list("kind", flat=True))


def test_an_agent_gets_all_it_needs_and_another_one_nothing(tenant: Tenant) -> None:
    walk = _deferred(tenant)
    (order,) = _claim(walk)
    row = _row(walk)
    assert (order.kind, order.id, order.epoch) == ("trigger", str(row.id), row.epoch)
    trigger = order.trigger
    assert trigger is not None and trigger.ti is not None
    assert (trigger.classpath, trigger.kwargs, trigger.log_offset) == (OWN, {"seconds": 5}, 7)
    assert trigger.ti["task_id"] == "t0"
    assert order.bundle is not None and order.runtime_digest
    other = walk_for(tenant, name="another")
    assert _claim(other) == []


def test_a_claim_gives_out_so_many_that_agents_share(tenant: Tenant, monkeypatch: pytest.MonkeyPatch) -> None:
    walk = _deferred(tenant, 5)
    monkeypatch.setattr(work, "MOST_TRIGGERS", 3)
    asked = Claim(
        agent_id=str(walk.agent.id), epoch=walk.agent.epoch, slots=0, parse_slots=0, trigger_slots=1000
    )
    assert len(work.claim(asked).workloads) == 3
    assert len(work.claim(asked).workloads) == 2
    assert work.claim(Claim(agent_id=str(walk.agent.id), epoch=walk.agent.epoch, slots=9)).workloads == []


def test_an_event_resumes_the_task_in_the_same_try(tenant: Tenant) -> None:
    walk = _deferred(tenant)
    (order,) = _claim(walk)
    assert _say(walk, order, "trigger_event", payload={"found": 1}).verdict == "accepted"
    row = _row(walk)
    assert (row.state, row.try_number, row.next_method) == ("scheduled", 1, "execute_complete")
    assert row.next_kwargs == {"word": "kept", "event": {"found": 1}}
    assert _kinds(walk) == []
    # What it says after that moves nothing.
    assert _say(walk, order, "trigger_event", payload={"found": 2}).verdict == "accepted"
    assert _row(walk).next_kwargs == {"word": "kept", "event": {"found": 1}}


def test_an_event_without_a_payload_is_none(tenant: Tenant) -> None:
    walk = _deferred(tenant)
    (order,) = _claim(walk)
    _say(walk, order, "trigger_event")
    assert _row(walk).next_kwargs["event"] is None


def test_a_failure_resumes_the_task_to_fail_as_airflow_does(tenant: Tenant) -> None:
    walk = _deferred(tenant)
    (order,) = _claim(walk)
    _say(walk, order, "trigger_failed", traceback=["ValueError: bad\n"])
    row = _row(walk)
    assert (row.state, row.next_method) == ("scheduled", "__fail__")
    assert row.next_kwargs == {"error": "Trigger failure", "traceback": ["ValueError: bad\n"]}


@pytest.mark.parametrize("state", ["success", "skipped", "failed"])
def test_a_trigger_ends_its_task_with_xcoms_and_the_run_goes_on(tenant: Tenant, state: str) -> None:
    walk = _deferred(tenant)
    (order,) = _claim(walk)
    _say(walk, order, "trigger_event", ends=state, xcoms={"return_value": [1, 2]})
    assert _row(walk).state == state
    with tenant_scope(tenant.id):
        assert XCom.objects.values_list("key", "value").get() == ("return_value", [1, 2])
    walk.schedule()
    with tenant_scope(tenant.id):
        assert DagRun.objects.get().state == ("failed" if state == "failed" else "success")


def test_a_trigger_that_fails_its_task_leaves_it_its_retries(tenant: Tenant) -> None:
    walk = _deferred(tenant, retries=1, retry_delay_seconds=0.0)
    (order,) = _claim(walk)
    _say(walk, order, "trigger_event", ends="failed")
    assert _row(walk).state == "up_for_retry"
    walk.schedule()
    (again,) = walk.claim()
    assert again.task is not None
    assert (again.task.ti["try_number"], again.task.ti_context["next_method"]) == (2, None)


@pytest.mark.parametrize(("retries", "kind"), [(0, "task_failure"), (1, "task_retry")])
def test_a_trigger_that_fails_its_task_owes_the_callback(tenant: Tenant, retries: int, kind: str) -> None:
    walk = _deferred(tenant, retries=retries, has_callbacks=["on_failure", "on_retry"])
    (order,) = _claim(walk)
    _say(walk, order, "trigger_event", ends="failed")
    assert _kinds(walk) == ["callback"]
    with tenant_scope(tenant.id):
        assert Callback.objects.values_list("kind", "task_id").get() == (kind, "t0")


def test_a_body_that_is_none_is_refused(tenant: Tenant) -> None:
    walk = _deferred(tenant)
    (order,) = _claim(walk)
    assert _say(walk, order, "trigger_event", ends="running").reason == "invalid"
    assert _say(walk, order, "trigger_failed", traceback="text").reason == "invalid"
    assert _row(walk).state == "deferred"


def test_the_trigger_of_a_task_that_waits_no_more_is_dropped_and_stopped(tenant: Tenant) -> None:
    walk = _deferred(tenant, 2)
    held, _ = _claim(walk)
    with tenant_scope(tenant.id):
        TaskInstance.objects.update(state="failed")
        Workload.objects.filter(ref=UUID(held.id)).delete()
        Workload.objects.update(agent_id=None)
    assert _claim(walk) == []
    assert _kinds(walk) == []
    told = beat_triggers(
        agent_id=str(walk.agent.id),
        agent_epoch=walk.agent.epoch,
        held=[(str(tenant.id), held.id, held.epoch)],
        using="scheduler",
    )
    assert told == [(held.id, held.epoch, GONE)]
    assert _say(walk, held, "trigger_event", payload=1).verdict == "accepted"
    assert _row(walk).state == "failed"


def _older(walk: Walk) -> None:
    with tenant_scope(walk.tenant.id):
        Workload.objects.update(claimed_at=utc_now() - timedelta(minutes=1))


def test_what_an_agent_does_not_name_is_another_ones_after_a_while(tenant: Tenant) -> None:
    walk, other = _deferred(tenant), walk_for(tenant, name="another")
    (order,) = _claim(walk)
    nothing = {"agent_id": str(walk.agent.id), "agent_epoch": walk.agent.epoch, "using": "scheduler"}
    assert beat_triggers(held=[], **nothing) == []
    assert rescue_lost(now=utc_now(), give_up={}) == 0
    _older(walk)
    mine = [(str(tenant.id), order.id, order.epoch)]
    assert beat_triggers(held=mine, **nothing) == []
    assert rescue_lost(now=utc_now(), give_up={}) == 0
    beat_triggers(held=[], **nothing)
    assert rescue_lost(now=utc_now(), give_up={}) == 1
    (moved,) = _claim(other)
    assert (moved.id, _row(walk).state, _row(walk).try_number) == (order.id, "deferred", 1)
    assert beat_triggers(held=mine, **nothing) == [(order.id, order.epoch, MOVED)]


def test_triggers_of_a_silent_agent_are_handed_on_without_end(tenant: Tenant, superuser: Any) -> None:
    walk = _deferred(tenant, 3)
    for number in range(5):
        agent = walk_for(tenant, name=f"agent-{number}").agent
        assert len(_claim(walk, agent)) == 3
        with superuser.cursor() as cursor:
            cursor.execute("UPDATE agent SET lease_until = now() - interval '1 minute'")
        assert rescue_lost(now=utc_now(), give_up={}) == 3
    assert _row(walk).state == "deferred"


def test_an_agent_that_ends_lets_go_at_once(tenant: Tenant) -> None:
    walk, other = _deferred(tenant), walk_for(tenant, name="another")
    (order,) = _claim(walk)
    _say(walk, order, "trigger_released")
    assert [one.id for one in _claim(other)] == [order.id]


def test_a_trigger_asks_as_its_task_while_it_waits_and_not_longer(tenant: Tenant) -> None:
    walk = _deferred(tenant)
    (order,) = _claim(walk)
    assert order.trigger is not None
    door = Door(prefix="/execution/", token=order.trigger.token)
    assert door.get("variables/keys").status == 200
    assert door.patch(f"task-instances/{order.id}/rendered-map-index", "x").status == 410
    _say(walk, order, "trigger_event", payload=1)
    assert door.get("variables/keys").status == 403


def test_tokens_are_refreshed_and_a_task_that_waits_no_more_is_found(
    tenant: Tenant, monkeypatch: pytest.MonkeyPatch
) -> None:
    walk = _deferred(tenant, 2)
    first, second = _claim(walk)
    monkeypatch.setattr("api.agent.triggers.REFRESH_SECONDS", -1.0)
    with tenant_scope(tenant.id):
        TaskInstance.objects.filter(id=UUID(second.id)).update(state="failed")
    held = [(str(tenant.id), one.id, one.epoch) for one in (first, second)]
    told = answer_beat(TriggerBeat(agent_id=str(walk.agent.id), epoch=walk.agent.epoch, held=held))
    assert set(told.tokens) == {first.id}
    assert told.stop == [(second.id, second.epoch, GONE)]


def test_strangers_claim_and_fire_nothing(tenant: Tenant, other_tenant: Tenant) -> None:
    walk, other = _deferred(tenant), walk_for(other_tenant)
    assert _claim(other) == []
    (order,) = _claim(walk)
    said = Report(
        id=order.id,
        tenant_id=str(other_tenant.id),
        epoch=order.epoch,
        operations=[Operation(kind="trigger_event", body={"payload": 1})],
    )
    other.report(said)
    assert _row(walk).state == "deferred"
    with tenant_scope(other_tenant.id):
        assert Trigger.objects.count() == 0


def test_a_tenant_runs_no_more_triggers_than_it_may(tenant: Tenant, other_tenant: Tenant) -> None:
    """Those beyond wait, and say so; one that ends makes room. Timers are none."""
    put_plan(
        name="small", title="", limits={"triggers": 2}, prices={}, is_default=True, by="op", now=utc_now()
    )
    walk, theirs = _deferred(tenant, 4), _deferred(other_tenant, 2)
    first = _claim(walk)
    assert (len(first), len(_claim(theirs)), _claim(walk)) == (2, 2, [])
    begun = {order.id for order in first}
    with tenant_scope(tenant.id):
        rows = {str(row.id): why_not_running(row=row, now=utc_now()) for row in TaskInstance.objects.all()}
    for row_id, waits in rows.items():
        told = "as many triggers as it may (2)" in waits[0].reason
        assert told == (row_id not in begun)
    assert _say(walk, first[0], "trigger_event", payload=1).verdict == "accepted"
    assert len(_claim(walk)) == 1
    put_plan(
        name="small", title="", limits={"triggers": None}, prices={}, is_default=True, by="op", now=utc_now()
    )
    assert len(_claim(walk)) == 1


def test_two_agents_at_once_claim_no_more_than_the_tenant_may_run(tenant: Tenant, superuser: Any) -> None:
    put_plan(
        name="small", title="", limits={"triggers": 2}, prices={}, is_default=True, by="op", now=utc_now()
    )
    walk = _deferred(tenant, 4)
    second = walk_for(tenant, name="another")
    theirs: list[Order] = []
    with tenant_scope(tenant.id):
        mine = _claim(walk)
        other = Other(lambda: theirs.extend(_claim(second)))
        other.wait_until_blocked(superuser)
    other.join()
    assert other.error is None
    assert (len(mine), theirs) == (2, [])
