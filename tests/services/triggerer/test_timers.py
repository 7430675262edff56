"""Timers are rows: a task that waits for an instant goes on when it has come, without a process meanwhile."""

from __future__ import annotations

import pytest

from controlplane.foundation.clock import utc_now
from controlplane.ledger.deferral import wake_triggers
from controlplane.ledger.models.pool import Pool
from controlplane.ledger.models.task_instance import TaskInstance
from controlplane.ledger.models.trigger import Trigger
from controlplane.ledger.models.work_item import WorkItem
from controlplane.ledger.models.workload import Workload
from domain.timers import moment
from taskwire.agent import Operation, Report
from taskwire.workload import Workload as Order
from tenants.models.tenant import Tenant
from tenants.scope import tenant_scope
from tests.support import specs
from tests.support.deferrals import ago, ahead, until
from tests.support.factories import parsed_dag
from tests.support.queries import QueryCounter
from tests.support.walk import Walk, walk_for

pytestmark = pytest.mark.django_db


def _running(tenant: Tenant, **fields: object) -> tuple[Walk, Order]:
    parsed_dag(tenant, specs.dag("waits", [specs.task("only", "after", **fields), specs.task("after")]))
    walk = walk_for(tenant)
    walk.trigger("waits")
    walk.schedule()
    (work,) = walk.claim()
    return walk, work


def _row(tenant: Tenant) -> TaskInstance:
    with tenant_scope(tenant.id):
        return TaskInstance.objects.get(task_id="only")


def test_a_timer_needs_no_workload_and_resumes_its_task_with_the_moment(tenant: Tenant) -> None:
    walk, work = _running(tenant)
    at = ago(seconds=1)
    assert walk.say(work, "deferred", **until(at, next_kwargs={"word": "kept"})).verdict == "accepted"
    with tenant_scope(tenant.id):
        assert Workload.objects.count() == 0
        assert Trigger.objects.get().wake_at is not None
    walk.schedule()
    row = _row(tenant)
    assert (row.state, row.try_number, row.next_method) == ("queued", 1, "execute_complete")
    assert row.next_kwargs == {"word": "kept", "event": moment(at)}
    with tenant_scope(tenant.id):
        assert Trigger.objects.count() == 0
    (again,) = walk.claim()
    assert again.task is not None
    assert again.task.ti_context["next_method"] == "execute_complete"
    assert again.task.ti_context["next_kwargs"] == row.next_kwargs
    assert again.task.ti["try_number"] == 1
    walk.say(again, "success")
    walk.run_all()
    assert set(_states(tenant)) == {"success"}


def _states(tenant: Tenant) -> list[str | None]:
    with tenant_scope(tenant.id):
        return list(TaskInstance.objects.values_list("state", flat=True))


def test_a_timer_of_the_future_waits_and_is_due_when_it_fires(tenant: Tenant) -> None:
    walk, work = _running(tenant)
    at = ahead(hours=1)
    walk.say(work, "deferred", **until(at))
    walk.schedule()
    row = _row(tenant)
    assert (row.state, row.held_reason) == ("deferred", "deferred: it waits for its trigger")
    with tenant_scope(tenant.id):
        item = WorkItem.objects.get(kind="wake")
    assert (item.ref, abs((item.due_at - at).total_seconds()) < 0.001) == (row.id, True)


def test_a_timer_that_ends_its_task_needs_no_worker_again(tenant: Tenant) -> None:
    walk, work = _running(tenant)
    walk.say(work, "deferred", **until(ago(seconds=1), ends=True))
    walk.schedule()
    assert _row(tenant).state == "success"
    (after,) = walk.claim()
    assert after.task is not None
    assert after.task.ti["task_id"] == "after"


def test_a_trigger_that_waits_too_long_times_out_as_airflow_says_it(tenant: Tenant) -> None:
    walk, work = _running(tenant)
    walk.say(work, "deferred", **until(ahead(hours=1), trigger_timeout="PT0S"))
    walk.schedule()
    row = _row(tenant)
    assert (row.state, row.next_method) == ("queued", "__fail__")
    assert row.next_kwargs == {"error": "Trigger timeout"}


def test_2000_timers_hold_no_slot_and_fire_in_a_few_statements(tenant: Tenant) -> None:
    tasks = [specs.task(f"t{number}") for number in range(2000)]
    parsed_dag(tenant, specs.dag("many", tasks, max_active_tasks=3000))
    walk = walk_for(tenant)
    with tenant_scope(tenant.id):
        Pool.objects.update(slots=250)
    run = walk.trigger("many")
    body = {"state": "deferred", **until(ahead(hours=1))}
    deferred = 0
    while deferred < 2000:
        walk.schedule()
        works = walk.claim()
        assert works, "a deferred task held a slot"
        said = [Operation(kind="state", body=body)]
        walk.report(
            *(Report(id=w.id, tenant_id=str(tenant.id), epoch=w.epoch, operations=said) for w in works)
        )
        deferred += len(works)
    assert set(walk.states(run).values()) == {"deferred"}
    with tenant_scope(tenant.id):
        ids = list(Trigger.objects.values_list("id", flat=True))
        Trigger.objects.update(wake_at=ago(seconds=1))
        with QueryCounter()(2):
            wake_triggers(ids=ids, now=utc_now(), using="default")
    assert set(walk.states(run).values()) == {"scheduled"}


def test_a_cleared_task_is_not_woken_by_its_old_timer(tenant: Tenant) -> None:
    walk, work = _running(tenant)
    walk.say(work, "deferred", **until(ago(seconds=1)))
    with tenant_scope(tenant.id):
        TaskInstance.objects.filter(task_id="only").update(state="failed")
    walk.schedule()
    assert _row(tenant).state == "failed"
    with tenant_scope(tenant.id):
        assert Trigger.objects.count() == 0


@pytest.mark.parametrize(
    "body",
    [
        {"classpath": None},
        {"classpath": ""},
        {"classpath": "x" * 1001},
        {"trigger_timeout": "soon"},
        {"trigger_timeout": "P99999999999D"},
        {"trigger_kwargs": 3},
        {"queue": 3},
    ],
)
def test_a_deferral_that_cannot_be_read_is_refused(tenant: Tenant, body: dict[str, object]) -> None:
    walk, work = _running(tenant)
    said = walk.say(work, "deferred", **{**until(ahead(hours=1)), **body})
    assert (said.verdict, said.reason) == ("refused", "invalid")
    assert _row(tenant).state == "running"


def test_a_stranger_wakes_nothing(tenant: Tenant, other_tenant: Tenant) -> None:
    walk, work = _running(tenant)
    walk.say(work, "deferred", **until(ago(seconds=1)))
    row = _row(tenant)
    with tenant_scope(other_tenant.id):
        assert wake_triggers(ids=[row.id], now=utc_now(), using="default") is False
    assert _row(tenant).state == "deferred"
