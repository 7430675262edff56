"""Callbacks that the control plane owes: one per occasion, run at most once, whatever is told twice or late."""

from __future__ import annotations

from typing import Any
from uuid import UUID

import pytest

from controlplane.executors.agents import register_agent
from controlplane.foundation.clock import utc_now
from controlplane.ledger.deferral import Fired, fire
from controlplane.ledger.models.workload import Workload as WorkloadRow
from controlplane.ledger.rescue import lose_tasks
from controlplane.maintenance.rescue import rescue_lost
from taskwire.agent import Register
from taskwire.version import WIRE_VERSION
from taskwire.workload import Workload
from tenants.models.tenant import Tenant
from tenants.scope import tenant_scope
from tests.support import specs
from tests.support.callbacks import Desk
from tests.support.deferrals import ahead, until
from tests.support.factories import parsed_dag
from tests.support.scene import Scene, scene
from tests.support.walk import walk_for

pytestmark = pytest.mark.django_db

TELLS = {"has_callbacks": ["on_failure", "on_retry"]}
KILLED = {"reason": "signal", "signal": 9, "message": "Task killed by SIGKILL."}


def telling(tenant: Tenant, **fields: Any) -> tuple[Scene, Desk]:
    """A run of one task with callbacks, running; and who claims callbacks."""
    it = scene(tenant, specs.task("only", **{**TELLS, **fields})).begin()
    return it, Desk(it.walk)


def test_a_killed_task_owes_its_on_failure_callback_once(tenant: Tenant) -> None:
    it, desk = telling(tenant)
    work = it.start("only")["only"]
    assert it.walk.say(work, "failed", died=KILLED).verdict == "accepted"
    assert it.walk.say(work, "failed", died=KILLED).verdict == "accepted", "the same report again"
    [owed] = desk.owed()
    assert (owed.kind, owed.state, owed.task_id, owed.try_number) == ("task_failure", "pending", "only", 1)
    [given] = desk.claim()
    told = given.callback
    assert told is not None and told.ti is not None
    assert (told.kind, told.state, told.reason) == ("task_failure", "failed", "Task killed by SIGKILL.")
    assert (told.ti["id"], told.ti["try_number"]) == (work.id, 1)
    assert desk.claim() == [], "it is taken"
    assert desk.begin(given).verdict == "accepted"
    assert desk.done(given).verdict == "accepted"
    assert desk.done(given).verdict == "accepted", "told twice it is written once"
    assert desk.kinds() == [("task_failure", "success")]
    assert desk.claim() == []


def test_a_task_that_failed_by_itself_ran_its_callbacks_itself(tenant: Tenant) -> None:
    it, desk = telling(tenant)
    it.walk.say(it.start("only")["only"], "failed")
    assert desk.owed() == []


def test_a_killed_task_with_tries_left_owes_on_retry_and_each_try_owes_its_own(tenant: Tenant) -> None:
    parsed_dag(tenant, specs.dag("tries", [specs.task("only", retries=1, retry_delay_seconds=0.0, **TELLS)]))
    walk = walk_for(tenant)
    desk = Desk(walk)
    walk.trigger("tries")
    for state in ("up_for_retry", "failed"):
        walk.schedule()
        [work] = walk.claim()
        walk.say(work, state, died=KILLED)
    assert [(one.kind, one.try_number, one.epoch) for one in desk.owed()] == [
        ("task_retry", 1, 1),
        ("task_failure", 2, 2),
    ]
    first, second = (work.callback for work in desk.run_all())
    assert first is not None and second is not None
    assert (first.state, second.state) == ("up_for_retry", "failed")


def test_a_late_epoch_owes_nothing(tenant: Tenant) -> None:
    it, desk = telling(tenant, retries=1, retry_delay_seconds=0.0)
    work = it.start("only")["only"]
    it.walk.say(work, "up_for_retry")
    it.walk.schedule()
    [again] = it.walk.claim()
    assert it.walk.say(work, "failed", died=KILLED).verdict == "refused"
    assert desk.owed() == []
    it.walk.say(again, "failed", died=KILLED)
    assert desk.kinds() == [("task_failure", "pending")]


@pytest.mark.parametrize(
    ("fields", "owed"),
    [
        ({"has_callbacks": []}, []),
        ({"has_callbacks": ["on_success", "on_execute", "on_retry"]}, []),
        ({"has_callbacks": [], "email": ["a@example.com"]}, ["task_failure"]),
        ({"has_callbacks": [], "email": ["a@example.com"], "email_on_failure": False}, []),
    ],
)
def test_only_what_somebody_asked_for_is_owed(
    tenant: Tenant, fields: dict[str, Any], owed: list[str]
) -> None:
    it, desk = telling(tenant, **fields)
    it.walk.say(it.start("only")["only"], "failed", died=KILLED)
    assert [one.kind for one in desk.owed()] == owed


def test_a_lost_attempt_owes_its_callback(tenant: Tenant) -> None:
    it, desk = telling(tenant)
    it.start("only")
    row = it.row("only")
    with tenant_scope(tenant.id):
        assert lose_tasks(attempts=[(row.id, row.epoch, "the agent is gone")], now=utc_now(), using="default")
        assert not lose_tasks(attempts=[(row.id, row.epoch, "again")], now=utc_now(), using="default")
    [owed] = desk.owed()
    assert (owed.kind, owed.reason) == ("task_failure", "the agent is gone")


@pytest.mark.parametrize(
    ("ends", "retries", "owed"),
    [("failed", 0, ["task_failure"]), ("failed", 1, ["task_retry"]), ("success", 0, [])],
)
def test_a_task_that_its_trigger_ended_owes_what_no_process_ran(
    tenant: Tenant, ends: str, retries: int, owed: list[str]
) -> None:
    it, desk = telling(tenant, retries=retries)
    work = it.start("only")["only"]
    assert it.walk.say(work, "deferred", **until(ahead(hours=1))).verdict == "accepted"
    with tenant_scope(tenant.id):
        fired = [Fired(id=UUID(work.id), epoch=work.epoch, ends=ends)]
        assert len(fire(fired=fired, now=utc_now())) == 1
        assert not fire(fired=fired, now=utc_now())
    assert [one.kind for one in desk.owed()] == owed


def test_a_run_owes_its_callback_with_the_task_that_decided(tenant: Tenant) -> None:
    both = {"has_callbacks": ["on_success", "on_failure"]}
    parsed_dag(tenant, specs.dag("good", [specs.task("a", "b"), specs.task("b")], **both))
    parsed_dag(tenant, specs.dag("bad", [specs.task("a", "b"), specs.task("b")], **both))
    walk = walk_for(tenant)
    desk = Desk(walk)
    walk.trigger("good")
    walk.run_all()
    walk.trigger("bad")
    walk.run_all(lambda work: ("failed", []))
    assert [(one.kind, one.reason, one.task_id) for one in desk.owed()] == [
        ("dag_success", "success", "b"),
        ("dag_failure", "task_failure", "a"),
    ]
    good, bad = (work.callback for work in desk.run_all())
    assert good is not None and bad is not None
    assert (good.dag_run["state"], good.reason) == ("success", "success")
    assert (bad.dag_run["state"], bad.reason) == ("failed", "task_failure")


def test_a_run_whose_time_is_over_tells_that_as_its_reason(tenant: Tenant) -> None:
    tasks = [specs.task("slow")]
    parsed_dag(
        tenant,
        specs.dag("slow", tasks, dagrun_timeout_seconds=0.0, has_callbacks=["on_failure"], catchup=False),
    )
    walk = walk_for(tenant)
    run = walk.trigger("slow")
    walk.schedule()
    walk.schedule()
    assert walk.run_state(run) == "failed"
    assert [(one.kind, one.reason) for one in Desk(walk).owed()] == [("dag_failure", "timed_out")]


def test_a_dag_with_only_the_other_callback_owes_nothing(tenant: Tenant) -> None:
    parsed_dag(tenant, specs.dag("good", [specs.task("a")], has_callbacks=["on_failure"]))
    walk = walk_for(tenant)
    walk.trigger("good")
    walk.run_all()
    assert Desk(walk).owed() == []


def _restart(walk_name: str) -> None:
    register_agent(
        message=Register(name=walk_name, wire_version=WIRE_VERSION, slots=1, hostname="host", pid=2),
        lease_seconds=60,
        using="scheduler",
    )


def _killed(tenant: Tenant) -> tuple[Desk, Workload]:
    it, desk = telling(tenant)
    it.walk.say(it.start("only")["only"], "failed", died=KILLED)
    [work] = desk.claim()
    return desk, work


def test_a_claim_that_was_lost_before_it_began_is_given_out_again(tenant: Tenant) -> None:
    desk, work = _killed(tenant)
    _restart(f"agent-of-{tenant.slug}")
    assert rescue_lost(now=utc_now(), give_up={}) == 1
    again = Desk(walk_for(tenant, name="second"))
    [given] = again.claim()
    assert (given.id, given.epoch) == (work.id, work.epoch + 1)
    assert desk.begin(work).verdict == "refused", "the first claim comes late"
    assert desk.done(work).verdict == "refused"
    assert again.begin(given).verdict == "accepted"
    assert again.begin(given).verdict == "accepted", "the answer was lost and it is asked again"
    assert again.done(given, "failed", "ValueError: no").verdict == "accepted"
    [one] = desk.owed()
    assert (one.state, one.message) == ("failed", "ValueError: no")


def test_one_that_was_lost_after_it_began_is_told_as_lost_and_not_run_again(tenant: Tenant) -> None:
    desk, work = _killed(tenant)
    assert desk.begin(work).verdict == "accepted"
    _restart(f"agent-of-{tenant.slug}")
    assert rescue_lost(now=utc_now(), give_up={}) == 1
    again = Desk(walk_for(tenant, name="second"))
    assert again.claim() == []
    [one] = desk.owed()
    assert one.state == "lost" and "not run twice" in (one.message or "")
    with tenant_scope(tenant.id):
        assert not WorkloadRow.objects.filter(kind="callback").exists()
    assert desk.done(work).verdict == "accepted", "its true end, heard late"
    assert desk.kinds() == [("task_failure", "success")]


def test_one_that_three_agents_could_not_begin_is_given_up(tenant: Tenant) -> None:
    from api.agent import wiring

    desk, _ = _killed(tenant)
    for name in (f"agent-of-{tenant.slug}", "second", "third"):
        _restart(name)
        assert rescue_lost(now=utc_now(), give_up=wiring.GIVE_UP) == 1
        if name != "third":
            assert len(Desk(walk_for(tenant, name={"second": "third"}.get(name, "second"))).claim()) == 1
    [one] = desk.owed()
    assert one.state == "failed" and "tried 3 times" in (one.message or "")


def test_a_stranger_can_neither_claim_nor_begin_nor_end_it(tenant: Tenant, other_tenant: Tenant) -> None:
    it, desk = telling(tenant)
    it.walk.say(it.start("only")["only"], "failed", died=KILLED)
    stranger = Desk(walk_for(other_tenant, name="stranger"))
    assert stranger.claim() == []
    [work] = desk.claim()
    assert stranger.begin(work).reason == "unknown"
    assert stranger.done(work).reason == "unknown"
    assert desk.kinds() == [("task_failure", "pending")]


def test_the_guards_are_what_keeps_it_single(tenant: Tenant) -> None:
    """Negative controls: without the epoch and the state a late claim would begin it, and one that is over would end anew."""
    it, desk = telling(tenant)
    it.walk.say(it.start("only")["only"], "failed", died=KILLED)
    [work] = desk.claim()
    late = {"id": work.id, "epoch": 7, "now": utc_now()}
    assert it.execute("begin_callback", **late) == []
    assert it.without("begin_callback", "AND w.epoch = %(epoch)s::int", **late)
    desk.begin(work)
    desk.done(work)
    over = {"id": work.id, "epoch": 1, "state": "failed", "message": None, "now": utc_now()}
    assert it.execute("finish_callback", **over) == []
    assert it.without("finish_callback", "c.state IN ('running', 'lost') AND ", **over)
