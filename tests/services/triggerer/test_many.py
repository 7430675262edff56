"""2,000 tasks that wait for triggers of their author's: no slot, no attempt, and what they cost the control plane."""

from __future__ import annotations

from uuid import UUID

import pytest

from api.agent import triggers, wiring, work
from controlplane.foundation.clock import utc_now
from controlplane.ledger.models.pool import Pool
from controlplane.ledger.models.task_instance import TaskInstance
from controlplane.ledger.models.workload import Workload
from controlplane.maintenance.rescue import rescue_lost
from controlplane.triggerer.beat import MOVED
from controlplane.triggerer.beat import beat_triggers as compare
from taskwire.agent import Claim, Operation, Report, TriggerBeat
from taskwire.workload import Workload as Order
from tenants.models.tenant import Tenant
from tenants.scope import tenant_scope
from tests.support import invariants, specs
from tests.support.deferrals import OWN
from tests.support.factories import parsed_dag
from tests.support.queries import counted
from tests.support.walk import Walk, walk_for

pytestmark = pytest.mark.django_db
MANY = 2000


def _claim_all(walk: Walk) -> tuple[list[Order], int]:
    """What an agent with room for all gets, and the most statements that one claim took."""
    asked = Claim(
        agent_id=str(walk.agent.id), epoch=walk.agent.epoch, slots=0, parse_slots=0, trigger_slots=MANY
    )
    held: list[Order] = []
    most = 0
    while True:
        with counted() as seen:
            got = work.claim(asked).workloads
        if not got:
            return held, most
        held += got
        most = max(most, len(seen))


@pytest.mark.heavy
def test_2000_triggers_hold_no_slot_and_move_with_their_agent(tenant: Tenant) -> None:
    wiring.connect()
    start = {"classpath": OWN, "kwargs": {"n": 1}, "next_method": "resumed", "next_kwargs": {}}
    waits = [specs.task(f"w{number}", start_from_trigger=True, start_trigger=start) for number in range(MANY)]
    parsed_dag(tenant, specs.dag("many", [*waits, specs.task("works", priority_weight=0)]))
    with tenant_scope(tenant.id):
        Pool.objects.update(slots=1)
    first = walk_for(tenant, name="first")
    run = first.trigger("many")
    first.schedule()
    with tenant_scope(tenant.id):
        states = list(TaskInstance.objects.order_by("state").values_list("state", flat=True))
        assert states == ["deferred"] * MANY + ["queued"]
    (order,) = first.claim()
    assert first.say(order, "success").verdict == "accepted"

    held, most = _claim_all(first)
    assert len(held) == MANY
    assert most <= 8, f"{most} statements for a claim of {work.MOST_TRIGGERS}"
    beat = TriggerBeat(
        agent_id=str(first.agent.id),
        epoch=first.agent.epoch,
        held=[(str(tenant.id), one.id, one.epoch) for one in held],
    )
    with counted() as seen:
        assert triggers.beat_triggers(beat).stop == []
    assert len(seen) <= 4, seen

    # Its agent registers anew, as after a crash: another one has all of them.
    walk_for(tenant, name="first")
    second = walk_for(tenant, name="second")
    assert sum(rescue_lost(now=utc_now(), give_up={}) for _ in range(2)) == MANY
    moved, _ = _claim_all(second)
    assert {one.id for one in moved} == {one.id for one in held}
    told = compare(
        agent_id=str(first.agent.id), agent_epoch=first.agent.epoch, held=beat.held, using="scheduler"
    )
    assert told == [(one.id, one.epoch, MOVED) for one in held]

    said = [Operation(kind="trigger_event", body={"ends": "success"})]
    reports = [Report(id=m.id, tenant_id=str(tenant.id), epoch=m.epoch, operations=said) for m in moved]
    for at in range(0, MANY, 256):
        assert {verdict.verdict for verdict in second.report(*reports[at : at + 256])} == {"accepted"}
    second.schedule()
    assert second.run_state(run) == "success"
    with tenant_scope(tenant.id):
        assert not Workload.objects.exists()
        assert TaskInstance.objects.filter(id=UUID(moved[0].id)).values_list("try_number", "epoch").get() == (
            1,
            1,
        )
    invariants.check(tenant, at_rest=True)
