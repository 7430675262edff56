"""What tasks keep is forgotten after its end: in bounded batches, one item per tenant, and none is missed."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

import pytest

from api.agent import wiring
from controlplane.execution import task_states
from controlplane.executors.local import LocalExecutor
from controlplane.foundation.clock import utc_now
from controlplane.foundation.db import execute, statement
from controlplane.ledger.models.task_state import TaskState
from controlplane.ledger.models.work_item import WorkItem
from controlplane.scheduler.lease import Leases
from controlplane.scheduler.work import work_for
from tenants.models.tenant import Tenant
from tenants.scope import tenant_scope
from tests.support.attempts import Try, running_try
from tests.support.sessions import Other

pytestmark = pytest.mark.django_db
HOUR = timedelta(hours=1)


@pytest.fixture
def attempt(tenant: Tenant) -> Try:
    return running_try(tenant, run_id="r1")


def _put(attempt: Try, key: str, expires_at: datetime | None) -> None:
    with tenant_scope(attempt.tenant.id):
        task_states.put(
            by=attempt.id, epoch=attempt.epoch, key=key, value=1, expires_at=expires_at, now=utc_now()
        )


def _kept(tenant: Tenant) -> set[str]:
    with tenant_scope(tenant.id):
        return set(TaskState.objects.values_list("key", flat=True))


def _items(tenant: Tenant) -> list[tuple[UUID | None, datetime]]:
    with tenant_scope(tenant.id):
        return list(WorkItem.objects.filter(kind="forget").values_list("ref", "due_at"))


def _forget(tenant: Tenant, now: datetime) -> None:
    """What the scheduler does when the item is due."""
    with tenant_scope(tenant.id, using="scheduler"):
        WorkItem.objects.using("scheduler").filter(kind="forget", due_at__lte=now).delete()
        task_states.forget_due(ref=tenant.id, now=now, using="scheduler")


def test_one_item_names_the_first_end(attempt: Try) -> None:
    tenant, now = attempt.tenant, utc_now()
    _put(attempt, "for ever", None)
    assert _items(tenant) == []
    _put(attempt, "a", now + 5 * HOUR)
    _put(attempt, "b", now + 9 * HOUR)
    assert _items(tenant) == [(tenant.id, now + 5 * HOUR + task_states.LOOK)]
    _put(attempt, "c", now + 2 * HOUR)
    assert _items(tenant) == [(tenant.id, now + 2 * HOUR + task_states.LOOK)]


def test_what_is_over_goes_and_the_rest_stays(attempt: Try, other_tenant: Tenant) -> None:
    tenant, now = attempt.tenant, utc_now()
    theirs = running_try(other_tenant, run_id="r1")
    for one in (attempt, theirs):
        for hours in (1, 2, 5):
            _put(one, f"{hours}", now + hours * HOUR)
        _put(one, "for ever", None)
    _forget(tenant, now + 3 * HOUR)
    assert _kept(tenant) == {"5", "for ever"}
    assert _items(tenant) == [(tenant.id, now + 5 * HOUR + task_states.LOOK)]
    assert _kept(other_tenant) == {"1", "2", "5", "for ever"}
    _forget(tenant, now + 6 * HOUR)
    assert (_kept(tenant), _items(tenant)) == ({"for ever"}, [])


def test_batches_are_bounded(attempt: Try, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(task_states, "FORGET", 2)
    tenant, now = attempt.tenant, utc_now()
    for number in range(5):
        _put(attempt, str(number), now - HOUR)
    later = now + HOUR
    for left in (3, 1, 0):
        _forget(tenant, later)
        assert len(_kept(tenant)) == left
        assert _items(tenant) == ([(tenant.id, later)] if left else [])


def test_the_scheduler_does_it(attempt: Try) -> None:
    """Through its own round, with the handlers that the scheduler's process has."""
    tenant = attempt.tenant
    _put(attempt, "over", utc_now() - HOUR)
    _put(attempt, "stays", utc_now() + HOUR)
    with tenant_scope(tenant.id):
        WorkItem.objects.filter(kind="forget").update(due_at=utc_now() - HOUR)
    leases = Leases()
    assert leases.take(tenant.id)
    work_for(tenant_id=tenant.id, leases=leases, executor=LocalExecutor(), handlers=wiring.ITEM_HANDLERS)
    assert _kept(tenant) == {"stays"}
    assert len(_items(tenant)) == 1


def test_the_last_instants_of_the_calendar(attempt: Try) -> None:
    _put(attempt, "k", datetime.max.replace(tzinfo=utc_now().tzinfo))
    assert len(_items(attempt.tenant)) == 1


def _while_forgetting(attempt: Try, superuser: Any) -> None:
    """A value is kept while the item, which is due earlier, is being worked on."""
    tenant, now = attempt.tenant, utc_now()
    _put(attempt, "over", now - 2 * HOUR)
    with tenant_scope(tenant.id, using="scheduler"):
        taken = execute(
            "ledger/sql/take_items.sql", using="scheduler", tenant=tenant.id, now=now + HOUR, batch=1000
        )
        assert ("forget", tenant.id) in taken
        task_states.forget_due(ref=tenant.id, now=now + HOUR, using="scheduler")
        other = Other(lambda: _put(attempt, "new", now + 9 * HOUR))
        other.wait_until_blocked(superuser)
    other.join()
    assert other.error is None
    assert _kept(tenant) == {"new"}


def test_a_value_that_is_kept_meanwhile_is_not_missed(attempt: Try, superuser: Any) -> None:
    _while_forgetting(attempt, superuser)
    assert len(_items(attempt.tenant)) == 1


def test_without_the_share_lock_it_would_stay(
    attempt: Try, superuser: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The control: the new value relies on an item that is being deleted."""
    from django.db import connections

    connections.close_all()  # prepared statements are of a connection
    found = statement("execution/sql/put_task_state.sql")
    assert "FOR KEY SHARE" in found.prepare
    monkeypatch.setattr(found, "prepare", found.prepare.replace("FOR KEY SHARE", ""))
    _while_forgetting(attempt, superuser)
    assert _items(attempt.tenant) == []
    connections.close_all()
