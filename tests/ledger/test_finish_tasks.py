"""finish_tasks.sql: the one door out of `running`, guarded by epoch and state."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from django.db import connections

from controlplane.foundation.clock import utc_now
from controlplane.foundation.db import statement
from controlplane.ledger.models.task_try import TaskTry
from controlplane.ledger.models.work_item import WorkItem
from tenants.models.tenant import Tenant
from tenants.scope import tenant_scope
from tests.support import specs
from tests.support.scene import Scene, rolled_back, scene

pytestmark = pytest.mark.django_db


def _said(it: Scene, state: str, **changes: Any) -> dict[str, Any]:
    row = it.row("only")
    values: dict[str, Any] = {
        "ids": [row.id],
        "epochs": [row.epoch],
        "states": [state],
        "ended": [utc_now()],
        "due": [None],
        "labels": [None],
        "died": [None],
        "methods": [None],
        "kwargs": [None],
        "reasons": [None],
        "now": utc_now(),
    }
    return {**values, **changes}


def _running(tenant: Tenant) -> Scene:
    it = scene(tenant, specs.task("only", retries=3)).begin()
    it.start("only")
    return it


def test_an_end_frees_the_workload_and_tells_the_scheduler(tenant: Tenant) -> None:
    it = _running(tenant)
    row = it.row("only")
    assert it.execute("finish_tasks", **_said(it, "success")) == [(row.id, 1)]
    assert (it.states(), it.workloads(), it.items()) == ({"only": "success"}, [], [("finished", row.id)])


@pytest.mark.parametrize("state", ["up_for_retry", "up_for_reschedule"])
def test_a_pause_waits_for_its_time_and_frees_its_place(tenant: Tenant, state: str) -> None:
    it = _running(tenant)
    due = utc_now() + timedelta(minutes=5)
    assert it.execute("finish_tasks", **_said(it, state, due=[due]))
    assert it.row("only").due_at == due
    assert sorted(kind for kind, _ in it.items()) == ["admit", "due"]
    with tenant_scope(tenant.id):
        assert WorkItem.objects.get(kind="due").due_at == due
        assert TaskTry.objects.count() == (1 if state == "up_for_retry" else 0)


def test_a_deferral_keeps_what_it_resumes_with(tenant: Tenant) -> None:
    it = _running(tenant)
    assert it.execute("finish_tasks", **_said(it, "deferred", methods=["resume"], kwargs=['{"a": 1}']))
    row = it.row("only")
    assert (row.state, row.next_method, row.next_kwargs, row.end_date) == (
        "deferred",
        "resume",
        {"a": 1},
        None,
    )
    assert it.items() == [("admit", None)]


@pytest.mark.parametrize("epoch", [0, 2])
def test_another_epoch_moves_nothing(tenant: Tenant, epoch: int) -> None:
    it = _running(tenant)
    late = _said(it, "success", epochs=[epoch])
    assert it.execute("finish_tasks", **late) == []
    assert (it.states(), it.items()) == ({"only": "running"}, [])


def test_without_the_fence_a_late_report_would_end_the_new_attempt(tenant: Tenant) -> None:
    it = _running(tenant)
    late = _said(it, "success", epochs=[0])
    text = statement("ledger/sql/finish_tasks.sql").text
    for fence in ("AND ti.epoch = said.epoch", "said JOIN locked USING (id, epoch)"):
        assert fence in text
    text = text.replace("AND ti.epoch = said.epoch", "").replace(
        "USING (id, epoch)", "ON locked.id = said.id"
    )
    with tenant_scope(tenant.id), rolled_back(), connections["default"].cursor() as cursor:
        cursor.execute(text, late)
        assert cursor.fetchall() == [(late["ids"][0], 1)]


def test_only_what_runs_ends_and_only_once(tenant: Tenant) -> None:
    it = _running(tenant)
    assert it.execute("finish_tasks", **_said(it, "failed"))
    assert it.execute("finish_tasks", **_said(it, "success")) == []
    assert it.states() == {"only": "failed"}
    assert len(it.items("finished")) == 1
    guard = "AND ti.state IN ('running', 'restarting')"
    assert it.without("finish_tasks", guard, **_said(it, "success")), "the state is what held it"


def test_what_is_due_at_once_does_not_wait_for_a_clock_that_is_ahead(tenant: Tenant) -> None:
    it = _running(tenant)
    ahead = utc_now() + timedelta(minutes=5)
    it.execute("finish_tasks", **_said(it, "success", now=ahead, ended=[ahead]))
    with tenant_scope(tenant.id):
        assert WorkItem.objects.get(kind="finished").due_at <= utc_now()


def test_a_stranger_ends_nothing(tenant: Tenant, other_tenant: Tenant) -> None:
    it, other = _running(tenant), _running(other_tenant)
    assert other.execute("finish_tasks", **_said(it, "success")) == []
    assert it.states() == {"only": "running"}
