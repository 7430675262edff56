"""dispatch_tasks.sql: scheduled -> queued, a new epoch, a workload."""

from __future__ import annotations

from typing import Any

import pytest

from controlplane.foundation.clock import utc_now
from tenants.models.tenant import Tenant
from tests.support.scene import scene
from tests.support.sessions import another_session, lock_rows

pytestmark = pytest.mark.django_db


def test_a_scheduled_task_gets_a_new_epoch_and_a_workload(tenant: Tenant) -> None:
    it = scene(tenant).begin()
    row = it.row("only")
    assert it.execute("dispatch_tasks", ids=[row.id], now=utc_now()) == [(row.id, 1)]
    assert it.states() == {"only": "queued"}
    assert it.workloads() == [(row.id, 1)]


def test_only_a_scheduled_task_is_dispatched(tenant: Tenant) -> None:
    it = scene(tenant).begin()
    again = {"ids": [it.row("only").id], "now": utc_now()}
    it.dispatch("only")
    assert it.execute("dispatch_tasks", **again) == []
    assert it.workloads() == [(it.row("only").id, 1)]
    # Without the state in its condition, one try would be in two agents' hands.
    unguarded = it.without("dispatch_tasks", "AND state = 'scheduled'", "AND ti.state = 'scheduled'", **again)
    assert unguarded == [(it.row("only").id, 2)]


def test_a_row_that_somebody_is_moving_is_passed_over(tenant: Tenant, superuser: Any) -> None:
    it = scene(tenant).begin()
    row = it.row("only")
    with another_session(superuser) as other:
        lock_rows(other, "task_instance", row.id)
        assert it.execute("dispatch_tasks", ids=[row.id], now=utc_now()) == []
    assert it.execute("dispatch_tasks", ids=[row.id], now=utc_now()) == [(row.id, 1)]


def test_a_stranger_dispatches_nothing(tenant: Tenant, other_tenant: Tenant) -> None:
    it, other = scene(tenant).begin(), scene(other_tenant).begin()
    assert other.execute("dispatch_tasks", ids=[it.row("only").id], now=utc_now()) == []
    assert it.states() == {"only": "scheduled"}
