"""How long the loop waits: an idle platform must not look again and again."""

from __future__ import annotations

from datetime import timedelta

import pytest

from controlplane.executors.local import LocalExecutor
from controlplane.foundation.clock import utc_now
from controlplane.ledger.models.work_item import WorkItem
from controlplane.ledger.transitions import add_items
from controlplane.scheduler.loop import POLL_SECONDS, SchedulerLoop
from domain.ids import uuid7
from tenants.models.tenant import Tenant
from tenants.scope import tenant_scope

pytestmark = pytest.mark.django_db


@pytest.fixture
def loop() -> SchedulerLoop:
    with_no_work = SchedulerLoop(executor=LocalExecutor(), handlers={})
    for _ in range(50):
        if not WorkItem.objects.using("scheduler").filter(due_at__lte=utc_now()).exists():
            break
        with_no_work.run_once({""})
    return with_no_work


def test_nothing_due_and_nothing_to_come_waits_for_the_poll(loop: SchedulerLoop) -> None:
    assert not WorkItem.objects.using("scheduler").exists()
    assert loop.run_once(set()) == POLL_SECONDS


def test_the_next_instant_is_waited_for(loop: SchedulerLoop, tenant: Tenant) -> None:
    with tenant_scope(tenant.id):
        add_items(items=[("due", uuid7(), utc_now() + timedelta(seconds=30))], using="default")
    assert 25 < loop.run_once(set()) <= 30


def test_what_is_due_is_done_at_once(loop: SchedulerLoop, tenant: Tenant) -> None:
    with tenant_scope(tenant.id):
        add_items(items=[("due", uuid7(), utc_now())], using="default")
    loop.run_once(set())
    assert not WorkItem.objects.using("scheduler").exists()
