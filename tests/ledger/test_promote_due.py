"""promote_due.sql: a retry or a reschedule whose time has come is scheduled again."""

from __future__ import annotations

from datetime import timedelta

import pytest

from controlplane.foundation.clock import utc_now
from controlplane.ledger.models.retry_spend import RetrySpend
from tenants.limits.change import put_plan
from tenants.models.tenant import Tenant
from tenants.scope import tenant_scope
from tests.support import specs
from tests.support.scene import Scene, scene

pytestmark = pytest.mark.django_db


def _promote(it: Scene, **seconds: float) -> int:
    ids = [it.row("only").id]
    return len(it.execute("promote_due", ids=ids, now=utc_now() + timedelta(**seconds)))


def test_a_retry_is_a_new_try_and_a_reschedule_is_not(tenant: Tenant) -> None:
    it = scene(tenant, specs.task("only", retries=2)).begin()
    it.end("only", "up_for_reschedule")
    assert _promote(it) == 1
    row = it.row("only")
    assert (row.state, row.try_number, row.reschedules) == ("scheduled", 1, 1)
    it.end("only", "up_for_retry")
    assert _promote(it) == 1
    row = it.row("only")
    # A sensor's new try begins anew: its timeout does not count from the first look of the try before.
    assert (row.state, row.try_number, row.reschedules, row.due_at) == ("scheduled", 2, 0, None)


def test_it_is_promoted_once_and_not_before_its_time(tenant: Tenant) -> None:
    it = scene(tenant, specs.task("only", retries=1)).begin()
    it.end("only", "up_for_retry")
    assert _promote(it, hours=-1) == 0
    early = {"ids": [it.row("only").id], "now": utc_now() - timedelta(hours=1)}
    assert it.without("promote_due", "AND ti.due_at <= %(now)s::timestamptz", **early)
    assert _promote(it) == 1
    assert _promote(it) == 0
    assert it.row("only").try_number == 2


def test_what_is_over_stays_over(tenant: Tenant) -> None:
    it = scene(tenant).begin()
    it.end("only", "success")
    assert _promote(it) == 0
    cut = ("AND ti.state IN ('up_for_retry', 'up_for_reschedule')", "AND ti.due_at <= %(now)s::timestamptz")
    assert it.without("promote_due", *cut, ids=[it.row("only").id], now=utc_now())


def test_a_stranger_promotes_nothing(tenant: Tenant, other_tenant: Tenant) -> None:
    it, other = scene(tenant, specs.task("only", retries=1)).begin(), scene(other_tenant).begin()
    it.end("only", "up_for_retry")
    assert other.execute("promote_due", ids=[it.row("only").id], now=utc_now()) == []
    assert it.states() == {"only": "up_for_retry"}


def _bounded(tenant: Tenant, most: int | None) -> None:
    put_plan(
        name="paid",
        title="",
        limits={"retries_per_hour": most},
        prices={},
        is_default=True,
        by="op",
        now=utc_now(),
    )


def test_retries_beyond_the_tenants_budget_wait_for_the_next_hour(tenant: Tenant) -> None:
    names = [f"t{n}" for n in range(5)]
    it = scene(tenant, *(specs.task(name, retries=9) for name in names), specs.task("sensor")).begin()
    for name in names:
        it.end(name, "up_for_retry")
    it.end("sensor", "up_for_reschedule")
    _bounded(tenant, 3)
    now = utc_now()
    hour = (now + timedelta(hours=1)).replace(minute=0, second=0, microsecond=0)
    ids = [it.row(name).id for name in [*names, "sensor"]]
    rows = it.execute("promote_due", ids=ids, now=now)
    assert [row[0] for row in rows if row[0] is None] == [None] * 4, "three retries; a sensor's look is none"
    waiting = [it.row(name) for name in names if it.row(name).state == "up_for_retry"]
    assert {row.due_at for row in waiting} == {hour}
    said = (
        f"retry_budget: the tenant began its 3 retries of this hour, the next may begin at {hour:%H:%M} UTC"
    )
    assert {row.held_reason for row in waiting} == {said}
    assert [row for row in rows if row[0] is not None] == [("scene", said)], "one line a DAG"
    assert {ref for _, ref in it.items("due")} >= {row.id for row in waiting}
    late = [row.id for row in waiting]
    assert it.execute("promote_due", ids=late, now=now) == [], "the hour is not over"
    assert len(it.execute("promote_due", ids=late, now=hour)) == 2
    with tenant_scope(tenant.id):
        spent = RetrySpend.objects.get()
        assert (spent.hour, spent.spent) == (hour, 2)


def test_an_unbounded_tenant_keeps_no_count(tenant: Tenant) -> None:
    it = scene(tenant, specs.task("only", retries=1)).begin()
    it.end("only", "up_for_retry")
    assert _promote(it) == 1
    with tenant_scope(tenant.id):
        assert not RetrySpend.objects.exists()
