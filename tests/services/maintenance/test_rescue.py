"""Anything silent is found: attempts whose agent is gone, restarted, or does not know of them."""

from __future__ import annotations

from typing import Any
from uuid import UUID, uuid4

import pytest

from controlplane.executors.agents import beat_agent, register_agent
from controlplane.executors.local import AgentRef, claim_other
from controlplane.foundation.clock import utc_now
from controlplane.ledger.models.workload import Workload as WorkloadRow
from controlplane.maintenance import rescue as rescue_module
from controlplane.maintenance.rescue import rescue_lost
from taskwire.agent import Beat, Register
from taskwire.version import WIRE_VERSION
from taskwire.workload import Workload
from tenants.models.tenant import Tenant
from tenants.scope import tenant_scope
from tests.support import invariants, specs
from tests.support.factories import parsed_dag
from tests.support.walk import Walk, walk_for

pytestmark = pytest.mark.django_db


def _running(tenant: Tenant, *, retries: int = 0, name: str = "agent") -> tuple[Walk, Any, Workload]:
    parsed_dag(tenant, specs.dag("one", [specs.task("only", retries=retries, retry_delay_seconds=0.0)]))
    walk = walk_for(tenant, name=name)
    run = walk.trigger("one")
    walk.schedule()
    [work] = walk.claim()
    return walk, run, work


def _rescue(**give_up: Any) -> int:
    return rescue_lost(now=utc_now(), give_up=give_up)


def _beat(walk: Walk, *running: Workload) -> list[tuple[str, int, str]]:
    names = [(work.tenant_id, work.id, work.epoch) for work in running]
    message = Beat(agent_id=str(walk.agent.id), epoch=walk.agent.epoch, running=names)
    return beat_agent(message=message, lease_seconds=60, using="scheduler")


def _silence(superuser: Any) -> None:
    with superuser.cursor() as cursor:
        cursor.execute("UPDATE agent SET lease_until = clock_timestamp() - interval '1 second'")


def _age_claims(superuser: Any) -> None:
    with superuser.cursor() as cursor:
        cursor.execute("UPDATE workload SET claimed_at = claimed_at - interval '1 hour'")


def _register(name: str = "agent") -> AgentRef:
    message = Register(name=name, wire_version=WIRE_VERSION, slots=8, hostname="host", pid=2)
    row_id, epoch = register_agent(message=message, lease_seconds=60, using="scheduler")
    return AgentRef(id=UUID(str(row_id)), epoch=epoch, hostname="host", queues=["default"])


def test_nothing_is_lost_while_its_agent_lives(tenant: Tenant) -> None:
    walk, run, _ = _running(tenant)
    assert _rescue() == 0
    assert walk.states(run) == {"only": "running"}


def test_a_silent_agents_attempt_is_tried_again_with_the_reason(tenant: Tenant, superuser: Any) -> None:
    walk, run, work = _running(tenant, retries=1)
    _silence(superuser)
    assert _rescue() == 1
    row = walk.instance(run, "only")
    assert row.state == "up_for_retry"
    assert "agent agent has been silent since" in row.died["message"]  # type: ignore[index]
    assert _rescue() == 0, "once"
    late = walk.say(work, "success")
    assert (late.verdict, late.reason, late.stored) == ("refused", "finished", "up_for_retry")
    walk.schedule()
    invariants.check(tenant, at_rest=True)


def test_without_tries_left_it_fails_and_so_does_what_waits(tenant: Tenant, superuser: Any) -> None:
    walk, run, _ = _running(tenant)
    _silence(superuser)
    assert _rescue() == 1
    walk.schedule()
    assert walk.run_state(run) == "failed"
    invariants.check(tenant, at_rest=True)


def test_a_late_report_of_a_replaced_attempt_is_refused(tenant: Tenant, superuser: Any) -> None:
    walk, run, work = _running(tenant, retries=1)
    _silence(superuser)
    assert _rescue() == 1
    walk.schedule()
    [again] = walk.claim()
    late = walk.say(work, "success")
    assert (late.verdict, late.reason) == ("refused", "superseded")
    assert walk.states(run) == {"only": "running"}
    assert walk.say(again, "success").verdict == "accepted"


def test_a_restarted_agent_lost_what_the_old_process_ran(tenant: Tenant) -> None:
    walk, run, _ = _running(tenant, retries=1)
    assert _register().epoch == 2
    assert _rescue() == 1
    assert walk.instance(run, "only").died == {"reason": "lost", "message": "agent agent was restarted"}


def test_another_agents_restart_takes_nothing(tenant: Tenant) -> None:
    _running(tenant)
    _register("neighbour")
    _register("neighbour")
    assert _rescue() == 0


def test_a_claim_that_its_agent_never_heard_of_costs_no_try(tenant: Tenant, superuser: Any) -> None:
    """The answer was lost on its way: user code never ran."""
    walk, run, work = _running(tenant)
    assert _beat(walk) == []
    assert _rescue() == 0, "the answer may still be on its way"
    _age_claims(superuser)
    _beat(walk)
    assert _rescue() == 1
    assert walk.states(run) == {"only": "scheduled"}
    walk.schedule()
    [again] = walk.claim()
    assert again.task is not None
    assert (again.epoch, again.task.ti["try_number"]) == (2, 1)
    assert walk.say(work, "success").reason == "superseded"


def test_an_attempt_that_its_agent_knew_and_forgot_is_lost(tenant: Tenant, superuser: Any) -> None:
    """It may have run, so its try is spent."""
    walk, run, work = _running(tenant, retries=1)
    assert _beat(walk, work) == []
    _age_claims(superuser)
    assert _beat(walk, work) == []
    assert _rescue() == 0, "it names it"
    _beat(walk)
    assert _rescue() == 1
    row = walk.instance(run, "only")
    assert (row.state, row.died["message"]) == ("up_for_retry", "agent agent does not know of it")  # type: ignore[index]


def test_an_attempt_that_was_refused_what_it_said_did_run(tenant: Tenant, superuser: Any) -> None:
    """Handed back, it would run and be refused for ever, without spending a try."""
    walk, run, work = _running(tenant)
    assert walk.say(work, "no such state").reason == "invalid"
    _age_claims(superuser)
    _beat(walk)
    assert _rescue() == 1
    assert walk.states(run) == {"only": "failed"}


def test_an_agent_hears_what_it_must_stop(tenant: Tenant, superuser: Any) -> None:
    walk, _, work = _running(tenant, retries=1)
    with tenant_scope(tenant.id):
        WorkloadRow.objects.update(stop="cleared by somebody")
    assert _beat(walk, work) == [(work.id, work.epoch, "cleared by somebody")]
    _silence(superuser)
    assert _rescue() == 1
    [(ref, epoch, why)] = _beat(walk, work)
    assert (ref, epoch, why.split(":")[0]) == (work.id, work.epoch, "superseded")


def test_an_agent_that_named_it_too_late_still_hears_why_it_must_stop(tenant: Tenant, superuser: Any) -> None:
    walk, _, work = _running(tenant, retries=1)
    _beat(walk, work)
    with tenant_scope(tenant.id):
        WorkloadRow.objects.update(stop="cleared by somebody")
    _age_claims(superuser)
    _beat(walk)
    assert _beat(walk, work) == [(work.id, work.epoch, "cleared by somebody")]


def test_who_beats_in_time_after_all_keeps_its_attempts(
    tenant: Tenant, superuser: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Between the look and the rescue the agent came back: looked at again, nothing is lost."""
    walk, run, work = _running(tenant)
    _silence(superuser)
    look, looks = rescue_module._list, []

    def look_then_beat(tenant_id: UUID | None, using: str) -> Any:
        found = look(tenant_id, using)
        if not looks:
            _beat(walk, work)
        looks.append(len(found))
        return found

    monkeypatch.setattr(rescue_module, "_list", look_then_beat)
    assert _rescue() == 0
    assert looks == [1, 0], "the first look alone would have taken it"
    assert walk.states(run) == {"only": "running"}


def _parse_work(tenant: Tenant) -> UUID:
    ref = uuid4()
    with tenant_scope(tenant.id):
        WorkloadRow(tenant=tenant, kind="parse", ref=ref, epoch=1, dispatched_at=utc_now()).save()
    return ref


def _claim_parse(tenant: Tenant, agent: AgentRef) -> int:
    def order(**fields: Any) -> Workload:
        return Workload(
            id=str(fields["ref"]), tenant_id=str(tenant.id), tenant=tenant.slug, epoch=1, kind="parse"
        )

    with tenant_scope(tenant.id):
        got = claim_other(
            kinds=["parse", "build"],
            tenant_id=tenant.id,
            slug=tenant.slug,
            agent=agent,
            batch=5,
            payloads={"parse": order},
            now=utc_now(),
            using="default",
        )
    return len(got)


def test_lost_parse_work_is_given_to_another_three_times_and_then_given_up(tenant: Tenant) -> None:
    ref = _parse_work(tenant)
    told: list[tuple[UUID, str]] = []

    def give_up(*, ref: UUID, reason: str, **_: Any) -> None:
        told.append((ref, reason))

    for attempt in (1, 2, 3):
        assert _claim_parse(tenant, _register()) == 1
        assert _claim_parse(tenant, _register("neighbour")) == 0, "it is taken"
        _register()
        assert told == []
        assert _rescue(parse=give_up) == 1, attempt
    [(given_up, reason)] = told
    assert (given_up, reason) == (ref, "agent agent was restarted; tried 3 times")
    with tenant_scope(tenant.id):
        assert not WorkloadRow.objects.exists()
    assert _rescue(parse=give_up) == 0


def test_one_tenants_loss_moves_nothing_of_another(tenant: Tenant, other_tenant: Tenant) -> None:
    walk, run, _ = _running(tenant, retries=1, name="first")
    stranger, theirs, _ = _running(other_tenant, retries=1, name="second")
    _register("first")
    assert _rescue() == 1
    assert walk.states(run) == {"only": "up_for_retry"}
    assert stranger.states(theirs) == {"only": "running"}
