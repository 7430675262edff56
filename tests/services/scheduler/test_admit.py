"""Admission looks past what is full: what waits for one pool, run or task never hides what does not."""

from __future__ import annotations

from typing import Any

import pytest

from controlplane.executors.local import LocalExecutor
from controlplane.ledger.models.pool import Pool
from controlplane.scheduler import admit
from controlplane.scheduler.work import work_for
from tenants.models.tenant import Tenant
from tenants.scope import tenant_scope
from tests.support import invariants, specs
from tests.support.factories import parsed_dag
from tests.support.walk import Walk, walk_for

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def small_batches(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(admit, "BATCH", 4)


def _flood(tenant: Tenant, *, dag: dict[str, Any] | None = None, **task: Any) -> Walk:
    """Twelve heavy tasks of one kind, ready before a light one of another DAG."""
    flood = [specs.task(f"t{n:02}", priority_weight=50, **task) for n in range(12)]
    parsed_dag(tenant, specs.dag("flood", flood, **(dag or {"max_active_tasks": 99})))
    parsed_dag(tenant, specs.dag("light", [specs.task("light")]))
    walk = walk_for(tenant)
    walk.trigger("flood")
    walk.trigger("light")
    return walk


def _given(walk: Walk) -> list[str]:
    return sorted(work.task.ti["task_id"] for work in walk.claim() if work.task)


FLOODS: dict[str, tuple[dict[str, Any] | None, dict[str, Any], int]] = {
    "a full pool": (None, {"pool": "narrow"}, 2),
    "a pool too small for them": (None, {"pool": "narrow", "pool_slots": 3}, 0),
    "a pool that does not exist": (None, {"pool": "nowhere"}, 0),
    "a full run": ({"max_active_tasks": 2}, {}, 2),
}


@pytest.mark.parametrize(("dag", "task", "running"), FLOODS.values(), ids=FLOODS)
def test_a_flood_hides_nobody(
    tenant: Tenant, dag: dict[str, Any] | None, task: dict[str, Any], running: int
) -> None:
    with tenant_scope(tenant.id):
        Pool(tenant=tenant, name="narrow", slots=2).save()
    walk = _flood(tenant, dag=dag, **task)
    walk.schedule()
    given = _given(walk)
    assert (len(given), given[:1]) == (running + 1, ["light"])
    invariants.check(tenant)


def test_mapped_tasks_with_a_limit_of_their_own_hide_nobody(tenant: Tenant) -> None:
    expand = {"kind": "literal", "length": 12}
    tasks = [
        specs.task("each", is_mapped=True, expand=expand, max_active_tis_per_dagrun=1, priority_weight=50),
        specs.task("light"),
    ]
    parsed_dag(tenant, specs.dag("flood", tasks, max_active_tasks=99))
    walk = walk_for(tenant)
    first, second = walk.trigger("flood"), walk.trigger("flood")
    walk.schedule()
    assert _given(walk) == ["each", "each", "light", "light"], "one of each run"
    assert {walk.states(run)["light"] for run in (first, second)} == {"running"}


def test_with_batches_as_large_as_can_be_all_the_same_is_given(
    tenant: Tenant, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The control for the small batches: they change nothing but how often it looks."""
    monkeypatch.setattr(admit, "BATCH", 1024)
    walk = _flood(tenant, dag={"max_active_tasks": 2})
    walk.schedule()
    assert _given(walk) == ["light", "t00", "t01"]


def test_the_tenants_own_quota_ends_the_look(tenant: Tenant) -> None:
    with tenant_scope(tenant.id):
        Tenant.objects.filter(id=tenant.id).update(max_active_tasks=3)
    walk = _flood(tenant)
    done = walk.schedule()
    assert (done.dispatched, done.held) == (3, 4)


@pytest.mark.parametrize("quick", [True, False])
def test_a_quick_look_gives_the_same_as_a_long_one(
    tenant: Tenant, monkeypatch: pytest.MonkeyPatch, quick: bool
) -> None:
    """Only who is told what he waits for differs; an endless pool is never taken for a full one."""
    monkeypatch.setattr(admit, "QUICK", 1)
    with tenant_scope(tenant.id):
        Pool(tenant=tenant, name="endless", slots=-1).save()
    walk = _flood(tenant, dag={"max_active_tasks": 2}, pool="endless")
    given = []
    for _ in range(2):
        walk.leases.take(tenant.id)
        work_for(
            tenant_id=tenant.id,
            leases=walk.leases,
            executor=LocalExecutor(),
            handlers={},
            tell_rest=not quick,
        )
        given.append(_given(walk))
    assert given == [["light", "t00", "t01"], []]
