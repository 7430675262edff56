"""Those who meet in the same rows take their locks in one order. Each order taken away is a deadlock (40P01)."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import pytest
from django.db import OperationalError, connections

from controlplane.foundation.clock import utc_now
from controlplane.foundation.db import execute, is_collision, statement
from controlplane.ledger.transitions import Skip, propagate_ends, skip_tasks
from controlplane.runs.pause import set_paused
from controlplane.runs.plan import plan_due
from tenants.models.tenant import Tenant
from tenants.scope import tenant_scope
from tests.support import specs
from tests.support.scene import Scene, scene
from tests.support.sessions import Other

pytestmark = pytest.mark.django_db


@pytest.fixture
def without_order() -> Iterator[Callable[[str, str], None]]:
    """`without_order("take_items", "FOR NO KEY UPDATE")` cuts the lock out of the statement for this test."""
    changed = []

    def cut(file: str, lock: str) -> None:
        found = statement(f"ledger/sql/{file}.sql")
        assert lock in found.prepare
        changed.append((found, found.prepare))
        found.prepare = found.prepare.replace(lock, "")
        connections.close_all()  # prepared statements are of a connection

    yield cut
    for found, before in changed:
        found.prepare = before
    connections.close_all()


def _crossing(tenant: Tenant) -> Scene:
    """Propagating `root` moves `far` first and `near` in the next pass; the branch skips them the other way."""
    it = scene(
        tenant,
        specs.task("branch", "near", "far"),
        specs.task("root", "step", "far"),
        specs.task("step", "near", is_empty=True),
        specs.task("near"),
        specs.task("far"),
    ).begin()
    it.start("branch")
    it.end("root", "success")
    return it


def _propagate_and_skip(it: Scene, superuser: Any) -> list[BaseException | None]:
    """The scheduler is between two passes when a branch reports. Returns what went wrong with both."""
    branch, mine = it.row("branch").id, None

    def skip() -> None:
        with tenant_scope(it.tenant.id):
            skips = [Skip(branch, 1, task, None) for task in ("near", "far")]
            skip_tasks(skips=skips, now=utc_now())

    other = None
    try:
        with tenant_scope(it.tenant.id, using="scheduler"):
            now = utc_now()
            execute("ledger/sql/take_items.sql", using="scheduler", tenant=it.tenant.id, now=now, batch=10)
            woken = propagate_ends(ids=[_id(it, "root")], now=now, using="scheduler")
            assert woken.ended == [_id(it, "step")]
            other = Other(skip)
            other.wait_until_blocked(superuser)
            propagate_ends(ids=woken.ended, now=now, using="scheduler")
    except OperationalError as error:
        mine = error
    assert other is not None
    other.join()
    return [mine, other.error]


def _id(it: Scene, task_id: str) -> Any:
    return it.row(task_id).id


def test_a_branch_and_the_scheduler_meet(tenant: Tenant, superuser: Any) -> None:
    it = _crossing(tenant)
    assert _propagate_and_skip(it, superuser) == [None, None]
    it.walk.schedule()
    states = it.states()
    assert (states["near"], states["far"]) == ("skipped", "skipped")


def test_without_the_runs_lock_they_block_each_other(
    tenant: Tenant, superuser: Any, without_order: Callable[[str, str], None]
) -> None:
    it = _crossing(tenant)
    without_order("take_items", "ORDER BY r.id FOR NO KEY UPDATE")
    without_order("lock_runs", "FOR NO KEY UPDATE")
    errors = _propagate_and_skip(it, superuser)
    assert any(is_collision(error) for error in errors if error), errors


def _planned(tenant: Tenant) -> Scene:
    cron = {"kind": "cron", "expression": "0 0 * * *", "summary": "", "description": ""}
    it = scene(tenant, timetable=cron, start_date="2026-01-01T00:00:00+00:00", catchup=True)
    it.forget_items()
    with tenant_scope(tenant.id):
        set_paused(dag_id="scene", is_paused=False, now=utc_now())
    assert ("plan", it.dag_row().id) in it.items()
    return it


def test_who_pauses_and_who_plans_meet(tenant: Tenant, superuser: Any) -> None:
    it = _planned(tenant)
    dag = it.dag_row().id

    def plan() -> None:
        with tenant_scope(tenant.id, using="scheduler"):
            now = utc_now()
            execute("ledger/sql/take_items.sql", using="scheduler", tenant=tenant.id, now=now, batch=10)
            plan_due(dags=[dag], now=now, using="scheduler")

    with tenant_scope(tenant.id):
        set_paused(dag_id="scene", is_paused=False, now=utc_now())
        other = Other(plan)
        other.wait_until_blocked(superuser)
    other.join()
    assert other.error is None


def test_taking_the_plan_before_its_dag_blocks_both(tenant: Tenant, superuser: Any) -> None:
    """The control: the order in which it was once done."""
    it = _planned(tenant)
    dag = it.dag_row().id
    error = None
    other = None
    try:
        with tenant_scope(tenant.id, using="scheduler"):
            execute("ledger/sql/drop_plans.sql", using="scheduler", dags=[dag], now=utc_now())
            other = Other(lambda: _pause(tenant))
            other.wait_until_blocked(superuser)
            plan_due(dags=[dag], now=utc_now(), using="scheduler")
    except OperationalError as mine:
        error = mine
    assert other is not None
    other.join()
    assert is_collision(error) or is_collision(other.error)


def _pause(tenant: Tenant) -> None:
    with tenant_scope(tenant.id):
        set_paused(dag_id="scene", is_paused=False, now=utc_now())
