"""`ledger.rescue.lose_tasks`: the same door as a report, with the reason kept."""

from __future__ import annotations

from datetime import timedelta

import pytest

from controlplane.foundation.clock import utc_now
from controlplane.ledger.models.task_try import TaskTry
from controlplane.ledger.rescue import lose_tasks
from tenants.models.tenant import Tenant
from tenants.scope import tenant_scope
from tests.support import specs
from tests.support.scene import Scene, scene

pytestmark = pytest.mark.django_db


def _lose(it: Scene, epoch: int = 1, using: str = "scheduler") -> int:
    with tenant_scope(it.tenant.id, using=using):
        return len(lose_tasks(attempts=[(it.row("only").id, epoch, "gone")], now=utc_now(), using=using))


def test_a_retry_while_tries_are_left_then_a_failure(tenant: Tenant) -> None:
    it = scene(tenant, specs.task("only", retries=1, retry_delay_seconds=60.0)).begin()
    it.start("only")
    assert _lose(it) == 1
    row = it.row("only")
    assert (row.state, row.died) == ("up_for_retry", {"reason": "lost", "message": "gone"})
    assert row.due_at is not None
    assert timedelta(seconds=50) < row.due_at - utc_now() <= timedelta(seconds=60)
    with tenant_scope(tenant.id):
        assert TaskTry.objects.get().died == {"reason": "lost", "message": "gone"}
        type(row).objects.filter(id=row.id).update(due_at=utc_now())
    it.execute("promote_due", ids=[row.id], now=utc_now())
    it.start("only")
    assert _lose(it, epoch=2) == 1
    assert it.row("only").state == "failed"


def test_an_attempt_is_lost_once_and_only_itself(tenant: Tenant) -> None:
    it = scene(tenant).begin()
    it.start("only")
    assert _lose(it, epoch=0) == 0
    assert it.states() == {"only": "running"}
    assert _lose(it) == 1
    assert _lose(it) == 0
    assert it.items("finished") == [("finished", it.row("only").id)]


def test_a_stranger_loses_nothing(tenant: Tenant, other_tenant: Tenant) -> None:
    it, other = scene(tenant).begin(), scene(other_tenant)
    it.start("only")
    with tenant_scope(other.tenant.id, using="scheduler"):
        attempts = [(it.row("only").id, 1, "stolen")]
        assert lose_tasks(attempts=attempts, now=utc_now(), using="scheduler") == set()
    assert it.states() == {"only": "running"}
