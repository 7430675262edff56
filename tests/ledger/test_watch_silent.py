"""Attempts of supervisors that are not our agents: who is silent for too long is lost, once."""

from __future__ import annotations

from datetime import timedelta

import pytest

from controlplane.foundation.clock import utc_now
from controlplane.ledger.external import PATIENCE_SECONDS, lose_silent
from controlplane.ledger.models.work_item import WorkItem
from tenants.models.tenant import Tenant
from tenants.scope import tenant_scope
from tests.support.attempts import running_try

pytestmark = pytest.mark.django_db


def items(tenant: Tenant) -> list[WorkItem]:
    with tenant_scope(tenant.id):
        return list(WorkItem.objects.filter(kind="silent").order_by("id"))


def test_a_start_is_watched(tenant: Tenant) -> None:
    attempt = running_try(tenant)
    [item] = items(tenant)
    assert item.ref == attempt.id
    assert (
        timedelta(seconds=PATIENCE_SECONDS - 60)
        < item.due_at - utc_now()
        <= timedelta(seconds=PATIENCE_SECONDS)
    )


def test_one_that_beats_is_looked_at_again(tenant: Tenant) -> None:
    attempt = running_try(tenant)
    with tenant_scope(tenant.id):
        soon = utc_now() + timedelta(seconds=PATIENCE_SECONDS / 2)
        assert lose_silent(ids=[attempt.id], now=soon, using="default") == set()
    assert attempt.row().state == "running"
    again = items(tenant)[-1]
    assert abs(
        again.due_at - attempt.row().last_heartbeat_at - timedelta(seconds=PATIENCE_SECONDS)
    ) < timedelta(seconds=1)


def test_a_silent_one_is_lost_once(tenant: Tenant, other_tenant: Tenant) -> None:
    attempt = running_try(tenant)
    late = utc_now() + timedelta(seconds=PATIENCE_SECONDS + 5)
    with tenant_scope(other_tenant.id):
        assert lose_silent(ids=[attempt.id], now=late, using="default") == set(), "not a stranger's"
    with tenant_scope(tenant.id):
        assert lose_silent(ids=[attempt.id], now=late, using="default") == {(attempt.id, attempt.epoch)}
        assert lose_silent(ids=[attempt.id], now=late, using="default") == set()
    row = attempt.row()
    assert row.state == "up_for_retry"
    assert "silent" in row.died["message"]


def test_one_that_ended_is_left_alone(tenant: Tenant) -> None:
    attempt = running_try(tenant).end("success")
    with tenant_scope(tenant.id):
        late = utc_now() + timedelta(seconds=PATIENCE_SECONDS * 2)
        assert lose_silent(ids=[attempt.id], now=late, using="default") == set()
    assert attempt.row().state == "success"
