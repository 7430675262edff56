"""Pools that limit how many of their tasks begin in a minute: exact in every window, whoever schedules."""

from __future__ import annotations

import random
from bisect import bisect_right
from datetime import datetime, timedelta

import pytest

from controlplane.foundation.clock import utc_now
from controlplane.ledger.models.pool import Pool
from controlplane.ledger.models.pool_start import PoolStart
from controlplane.ledger.models.task_instance import TaskInstance
from controlplane.ledger.models.tenant_lease import TenantLease
from controlplane.ledger.models.work_item import WorkItem
from controlplane.runs.waits import why_not_running
from controlplane.scheduler.lease import Leases
from taskwire.workload import Workload
from tenants.models.tenant import Tenant
from tenants.scope import tenant_scope
from tests.support import specs
from tests.support.factories import parsed_dag
from tests.support.walk import Walk, walk_for

pytestmark = pytest.mark.django_db
MINUTE = timedelta(seconds=60)


class Time:
    """Time that passes without waiting: what is stored of starts grows older, and what is due comes nearer."""

    def __init__(self, tenant: Tenant) -> None:
        self.tenant = tenant
        self.passed = timedelta()
        self.starts: list[datetime] = []

    def pass_by(self, seconds: float) -> None:
        by = timedelta(seconds=seconds)
        self.passed += by
        with tenant_scope(self.tenant.id):
            for row in PoolStart.objects.all():
                PoolStart.objects.filter(id=row.id).update(started_at=row.started_at - by)
            for item in WorkItem.objects.all():
                WorkItem.objects.filter(id=item.id).update(due_at=item.due_at - by)

    def most_in_any_minute(self) -> int:
        """Of all windows of 60 seconds that end with a start."""
        ordered = sorted(self.starts)
        return max(n + 1 - bisect_right(ordered, at - MINUTE) for n, at in enumerate(ordered))


def _paced(tenant: Tenant, *, per_minute: int, tasks: int, **task: object) -> Walk:
    with tenant_scope(tenant.id):
        Pool.objects.create(tenant=tenant, name="api", slots=-1, starts_per_minute=per_minute)
    parts = [specs.task(f"t{n:03}", pool="api", **task) for n in range(tasks)]
    parsed_dag(tenant, specs.dag("calls", [*parts, specs.task("free")], max_active_tasks=9999))
    return walk_for(tenant)


def _claim(walk: Walk, time: Time, batch: int = 1000) -> list[Workload]:
    works = walk.claim(batch=batch)
    with tenant_scope(walk.tenant.id):
        ours = TaskInstance.objects.filter(id__in=[work.id for work in works], pool="api").count()
        rows = PoolStart.objects.order_by("-id")[:ours]
        time.starts += [row.started_at + time.passed for row in rows]
    return works


def test_at_most_sixty_a_minute_over_five_minutes(tenant: Tenant) -> None:
    """Every turn has another scheduler, agents are slow or quick, tasks fail and come again at once."""
    chance = random.Random(21)
    walk = _paced(tenant, per_minute=60, tasks=330, retries=1, retry_delay_seconds=0.0)
    time = Time(tenant)
    walk.trigger("calls")
    failed = 0
    running: list[Workload] = []
    while time.passed < timedelta(minutes=5):
        _free_lease(tenant)
        turn = Walk(tenant=tenant, agent=walk.agent, leases=Leases())
        turn.schedule()
        running += _claim(turn, time, batch=chance.choice([0, 3, 25, 1000]))
        chance.shuffle(running)
        for work in [running.pop() for _ in range(chance.randint(0, len(running)))]:
            fails = chance.random() < 0.2
            failed += fails
            turn.say(work, "up_for_retry" if fails and work.task.ti_context["should_retry"] else "success")
        time.pass_by(chance.choice([0.5, 2, 7, 20]))
    assert failed > 10
    assert time.most_in_any_minute() <= 60, "exact, in every window"
    assert len(time.starts) > 5 * 60 * 0.7, "and the pool is used"


def test_what_is_dispatched_and_not_begun_counts(tenant: Tenant) -> None:
    """Otherwise a pile that no agent took would begin at once, with the next minute's."""
    walk = _paced(tenant, per_minute=3, tasks=9)
    time = Time(tenant)
    run = walk.trigger("calls")
    walk.schedule()
    time.pass_by(61)
    walk.schedule()
    assert len(_claim(walk, time)) == 3 + 1, "those of the pool, and the one that is in no such pool"
    time.pass_by(59)
    walk.schedule()
    assert _claim(walk, time) == []
    with tenant_scope(tenant.id):
        row = TaskInstance.objects.filter(dag_run_id=run.id, state="scheduled").first()
        assert row is not None
        [wait] = why_not_running(row=row, now=utc_now())
    assert wait.reason == "pool_paced: pool 'api' lets at most 3 tasks begin in any 60 seconds"
    time.pass_by(2)
    walk.schedule()
    assert len(_claim(walk, time)) == 3


def test_the_scheduler_wakes_when_the_next_may_begin(tenant: Tenant) -> None:
    walk = _paced(tenant, per_minute=1, tasks=2)
    time = Time(tenant)
    walk.trigger("calls")
    walk.schedule()
    works = _claim(walk, time)
    for work in works:
        walk.say(work, "success")
    walk.schedule()
    with tenant_scope(tenant.id):
        [start] = PoolStart.objects.all()
        due = WorkItem.objects.filter(kind="admit").order_by("due_at").last()
        assert due is not None
        assert start.started_at < due.due_at <= start.started_at + MINUTE
        assert WorkItem.objects.filter(kind="admit").count() == 1, "one, however often it looked"
    time.pass_by(60.5)
    walk.schedule()
    assert len(_claim(walk, time)) == 1


def test_a_tenant_without_such_pools_keeps_nothing(tenant: Tenant) -> None:
    parsed_dag(tenant, specs.chain("d", 2))
    walk = walk_for(tenant)
    walk.trigger("d")
    walk.run_all()
    with tenant_scope(tenant.id):
        assert not PoolStart.objects.exists()


def _free_lease(tenant: Tenant) -> None:
    with tenant_scope(tenant.id, using="scheduler"):
        TenantLease.objects.using("scheduler").filter(tenant_id=tenant.id).update(lease_until=None)
