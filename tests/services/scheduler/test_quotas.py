"""Plans, overrides and a tenant's own limits in the admission and at the start of runs, without any restart."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.db import connections
from django.test.utils import CaptureQueriesContext

from controlplane.foundation.clock import utc_now
from controlplane.ledger.models.dag import Dag
from controlplane.ledger.models.dag_run import DagRun
from controlplane.ledger.models.event_log import EventLog
from controlplane.ledger.models.task_instance import TaskInstance
from controlplane.ledger.models.usage_month import UsageMonth
from controlplane.ledger.models.work_item import WorkItem
from controlplane.runs.quota import look_again, look_again_everywhere
from controlplane.runs.waits import why_not_running
from tenants.limits.change import put_plan, put_quota, set_own_limits
from tenants.models.plan import Plan
from tenants.models.tenant import Tenant
from tenants.scope import tenant_scope
from tests.support import specs
from tests.support.factories import parsed_dag
from tests.support.walk import Walk, walk_for

pytestmark = pytest.mark.django_db


def _plan(name: str = "small", *, is_default: bool = True, **limits: object) -> None:
    put_plan(name=name, title="", limits=limits, prices={}, is_default=is_default, by="op", now=utc_now())


def _quota(tenant: Tenant, plan: str | None = None, **overrides: object) -> None:
    put_quota(slug=tenant.slug, plan=plan, overrides=overrides, reason="asked", by="op", now=utc_now())


def _flood(tenant: Tenant, tasks: int = 20) -> Walk:
    parts = [specs.task(f"t{n}") for n in range(tasks)]
    parsed_dag(tenant, specs.dag("flood", parts, max_active_tasks=999))
    walk = walk_for(tenant)
    walk.trigger("flood")
    return walk


def _dispatched(walk: Walk) -> int:
    with tenant_scope(walk.tenant.id):
        look_again(now=utc_now())
    walk.schedule()
    with tenant_scope(walk.tenant.id):
        return TaskInstance.objects.filter(state__in=("queued", "running")).count()


def test_the_plan_then_an_override_then_ones_own(tenant: Tenant) -> None:
    _plan(concurrent_tasks=2)
    walk = _flood(tenant)
    assert _dispatched(walk) == 2
    _plan("big", is_default=False, concurrent_tasks=4)
    _quota(tenant, "big")
    assert _dispatched(walk) == 4
    _quota(tenant, "big", concurrent_tasks=7)
    assert _dispatched(walk) == 7
    with tenant_scope(tenant.id):
        set_own_limits({"concurrent_tasks": 5})
    walk.run_all()
    walk.trigger("flood")
    assert _dispatched(walk) == 5
    with tenant_scope(tenant.id):
        [text] = set(TaskInstance.objects.filter(state="scheduled").values_list("held_reason", flat=True))
    assert text == "tenant_full: the tenant runs as many tasks as its quota allows"


def test_memory_of_all_tasks(tenant: Tenant) -> None:
    _plan(concurrent_tasks=50, total_memory_mib=4096, task_memory_mib=1024)
    assert _dispatched(_flood(tenant)) == 4


def test_a_plan_that_is_gone_gives_way_to_the_default(tenant: Tenant) -> None:
    _plan(concurrent_tasks=3)
    _plan("special", is_default=False, concurrent_tasks=9)
    _quota(tenant, "special")
    Plan.objects.using("auth").filter(name="special").delete()
    assert _dispatched(_flood(tenant)) == 3


def test_a_plan_change_is_heard_of_by_tenants_that_wait(tenant: Tenant, other_tenant: Tenant) -> None:
    _plan(concurrent_tasks=1)
    walk = _flood(tenant)
    walk.schedule()
    with tenant_scope(tenant.id):
        WorkItem.objects.all().delete()
    _plan(concurrent_tasks=3)
    look_again_everywhere()
    with tenant_scope(tenant.id):
        assert WorkItem.objects.filter(kind="admit").count() == 1
    with tenant_scope(other_tenant.id):
        assert not WorkItem.objects.exists(), "nothing runs there: nothing to look at"
    walk.schedule()
    with tenant_scope(tenant.id):
        assert TaskInstance.objects.filter(state="queued").count() == 3


def test_runs_wait_when_the_task_hours_are_used_up(tenant: Tenant) -> None:
    _plan(task_hours_per_month=2)
    parsed_dag(tenant, specs.dag("d", [specs.task("one"), specs.task("two")]))
    walk = walk_for(tenant)
    began = walk.trigger("d", run_id="began")
    walk.schedule()
    with tenant_scope(tenant.id):
        UsageMonth.objects.create(
            tenant=tenant, month=utc_now().date().replace(day=1), task_us=2 * 3_600_000_000
        )
    late = walk.trigger("d", run_id="late")
    walk.run_all()
    assert walk.run_state(began) == "success", "what began goes on"
    assert walk.run_state(late) == "queued"
    with tenant_scope(tenant.id):
        [item] = WorkItem.objects.filter(kind="hours")
        assert (item.due_at.day, item.due_at.hour, item.due_at > utc_now()) == (1, 0, True)
        [wait] = [
            one
            for one in why_not_running(row=TaskInstance.objects.filter(dag_run=late)[0], now=utc_now())
            if one.name == "Dagrun Running"
        ]
    assert wait.reason.endswith(
        "the tenant has used its 2 task-hours of this month; it begins next month, or when the limit is raised"
    )
    walk.trigger("d", run_id="later")
    walk.schedule()
    with tenant_scope(tenant.id):
        assert WorkItem.objects.filter(kind="hours").count() == 1, "one a DAG, however many wait"
    _quota(tenant, task_hours_per_month=3)
    with tenant_scope(tenant.id):
        look_again(now=utc_now())
    walk.run_all()
    with tenant_scope(tenant.id):
        assert set(DagRun.objects.values_list("state", flat=True)) == {"success"}


def test_runs_wait_when_the_processor_time_is_used_up(tenant: Tenant) -> None:
    _plan(cpu_hours_per_month=2, task_hours_per_month=100)
    parsed_dag(tenant, specs.dag("d", [specs.task("one")]))
    walk = walk_for(tenant)
    with tenant_scope(tenant.id):
        UsageMonth.objects.create(
            tenant=tenant, month=utc_now().date().replace(day=1), task_us=1, cpu_us=2 * 3_600_000_000
        )
    run = walk.trigger("d")
    walk.run_all()
    assert walk.run_state(run) == "queued"
    with tenant_scope(tenant.id):
        waits = why_not_running(row=TaskInstance.objects.filter(dag_run=run)[0], now=utc_now())
    [told] = [one.reason for one in waits if one.name == "Dagrun Running"]
    assert "the tenant has used its 2 hours of processor time of this month" in told
    _quota(tenant, cpu_hours_per_month=3)
    with tenant_scope(tenant.id):
        look_again(now=utc_now())
    walk.run_all()
    assert walk.run_state(run) == "success"


def test_the_admission_asks_as_often_with_a_plan_as_without(tenant: Tenant) -> None:
    plain = _flood(tenant, 3)
    plain.schedule()
    counts = []
    for has_plan in (False, True):
        if has_plan:
            _plan(concurrent_tasks=100, task_hours_per_month=100)
            _quota(tenant, api_requests_per_minute=500)
        with tenant_scope(tenant.id):
            look_again(now=utc_now())
        with CaptureQueriesContext(connections["scheduler"]) as seen:
            plain.schedule()
        counts.append(len(seen))
    assert counts[0] == counts[1]


def test_a_dag_that_names_no_limit_is_paused_after_its_tenants(tenant: Tenant) -> None:
    _plan(failed_runs_in_a_row=2)
    own = {"max_consecutive_failed_dag_runs": 5}
    parsed_dag(tenant, specs.dag("plain", [specs.task("t")]))
    parsed_dag(tenant, specs.dag("own", [specs.task("t")], **own))
    walk = walk_for(tenant)
    for _ in range(2):
        for dag_id in ("plain", "own"):
            walk.trigger(dag_id)
        walk.run_all(lambda work: ("failed", []))
    with tenant_scope(tenant.id):
        plain, other = Dag.objects.get(dag_id="plain"), Dag.objects.get(dag_id="own")
        assert (plain.is_paused, other.is_paused) == (True, False)
        assert plain.pause_reason == "failed_runs_in_a_row: the last 2 runs of this DAG failed"
        assert EventLog.objects.filter(event="paused", owner="scheduler", dag_id="plain").count() == 1


def test_a_run_that_is_to_begin_later_is_not_hastened(tenant: Tenant) -> None:
    """What waits for an instant of its own has an item that must not be used up before."""
    parsed_dag(tenant, specs.dag("d", [specs.task("one")]))
    walk = walk_for(tenant)
    walk.trigger("d", run_after=utc_now() + timedelta(hours=5))
    with tenant_scope(tenant.id):
        look_again(now=utc_now())
    look_again_everywhere()
    walk.schedule()
    with tenant_scope(tenant.id):
        [item] = WorkItem.objects.filter(kind="start_runs")
        assert item.due_at > utc_now() + timedelta(hours=4)
