"""Tasks that begin in their trigger: no worker, no slot, no workload of kind task before it fires."""

from __future__ import annotations

import pytest

from controlplane.ledger.models.pool import Pool
from controlplane.ledger.models.trigger import Trigger
from controlplane.ledger.models.workload import Workload
from domain.timers import moment
from tenants.models.tenant import Tenant
from tenants.scope import tenant_scope
from tests.support import specs
from tests.support.deferrals import DATE_TIME, OWN, ago, ahead
from tests.support.factories import parsed_dag
from tests.support.walk import Walk, walk_for

pytestmark = pytest.mark.django_db


def _walk(tenant: Tenant, **trigger: object) -> tuple[Walk, object]:
    start = {
        "classpath": OWN,
        "kwargs": {"n": 1},
        "next_method": "resumed",
        "next_kwargs": {"a": 1},
        **trigger,
    }
    only = specs.task(
        "only", start_from_trigger=True, start_trigger=start, retries=1, retry_delay_seconds=0.0
    )
    parsed_dag(tenant, specs.dag("starts", [only]))
    walk = walk_for(tenant)
    run = walk.trigger("starts")
    walk.schedule()
    return walk, run


def test_it_is_deferred_before_any_worker_has_it(tenant: Tenant) -> None:
    walk, run = _walk(tenant)
    row = walk.instance(run, "only")
    assert (row.state, row.try_number, row.epoch, row.next_method) == ("deferred", 1, 1, "resumed")
    assert row.start_date is not None
    assert walk.claim() == []
    with tenant_scope(tenant.id):
        trigger = Trigger.objects.get()
        assert (trigger.id, trigger.epoch, trigger.kwargs, trigger.starts) == (row.id, 1, {"n": 1}, True)
        assert Workload.objects.values_list("kind", "ref", "epoch").get() == ("trigger", row.id, 1)


def test_a_timer_of_it_needs_nothing_at_all_and_resumes_the_task(tenant: Tenant) -> None:
    at = ago(seconds=1)
    walk, _ = _walk(tenant, classpath=DATE_TIME, kwargs={"moment": moment(at), "end_from_trigger": False})
    walk.schedule()
    (work,) = walk.claim()
    assert work.task is not None
    assert work.task.ti_context["next_method"] == "resumed"
    assert work.task.ti_context["next_kwargs"] == {"a": 1, "event": moment(at)}
    assert (work.epoch, work.task.ti["try_number"]) == (2, 1)
    walk.say(work, "up_for_retry")
    walk.schedule()
    walk.schedule()
    # The retry begins in the trigger again.
    (again,) = walk.claim()
    assert again.task is not None
    assert (again.task.ti["try_number"], again.task.ti_context["next_method"]) == (2, "resumed")


def test_the_shorter_of_both_bounds_counts(tenant: Tenant) -> None:
    _walk(tenant, timeout_seconds=3600)
    with tenant_scope(tenant.id):
        found = Trigger.objects.get().timeout_at
    assert found is not None
    assert ago(seconds=60) < found < ahead(seconds=3660)


def test_it_takes_no_place_in_its_pool(tenant: Tenant) -> None:
    with tenant_scope(tenant.id):
        Pool.objects.update(slots=1)
    start = {"classpath": OWN, "kwargs": {}, "next_method": "resumed", "next_kwargs": {}}
    tasks = [specs.task(f"t{n}", start_from_trigger=True, start_trigger=start) for n in range(3)]
    parsed_dag(tenant, specs.dag("starts", tasks))
    walk = walk_for(tenant)
    run = walk.trigger("starts")
    walk.schedule()
    assert set(walk.states(run).values()) == {"deferred"}
