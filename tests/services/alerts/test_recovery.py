"""Alerts that no success ends are over when their cause is gone: looked at again while they go on, and not otherwise."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

import pytest

from controlplane.alerts import recovery
from controlplane.foundation.clock import utc_now
from controlplane.ledger import alerting
from controlplane.ledger.models.agent import Agent
from controlplane.ledger.models.alert import Alert
from controlplane.ledger.models.budget import Budget
from controlplane.ledger.models.budget_burn import BudgetBurn
from controlplane.ledger.models.dag import Dag
from controlplane.ledger.models.dag_run import DagRun
from controlplane.ledger.models.work_item import WorkItem
from domain.alerting.rules import KINDS
from domain.ids import uuid7
from tenants.scope import tenant_scope
from tests.support import specs
from tests.support.alerting import Desk
from tests.support.factories import parsed_dag


def check(desk: Desk, now: datetime | None = None) -> Alert:
    """One look at the only alert."""
    [alert] = desk.alerts()
    with tenant_scope(desk.tenant.id, using="scheduler"):
        recovery.check_due(ref=alert.id, now=now or utc_now(), using="scheduler")
    [alert] = desk.alerts()
    return alert


def planned(desk: Desk) -> int:
    with tenant_scope(desk.tenant.id):
        return WorkItem.objects.filter(kind="alert_check").count()


def tell(desk: Desk, kind: str, **more: Any) -> None:
    desk.rule(kind, channels=[str(desk.channel().id)])
    with tenant_scope(desk.tenant.id):
        assert alerting.tell(kind=kind, now=utc_now(), **more)
    desk.all_the_way()


def test_a_queue_that_an_agent_serves_again(desk: Desk) -> None:
    desk.rule("no_consumer", channels=[str(desk.channel().id)])
    parsed_dag(desk.tenant, specs.dag("gpu", [specs.task("only", queue="gpu")]))
    desk.walk.trigger("gpu")
    desk.walk.schedule()
    desk.walk.schedule()
    desk.all_the_way()
    assert planned(desk) == 1
    assert (check(desk).state, planned(desk)) == ("open", 2), "a look plans the next"
    Agent.objects.using("scheduler").create(
        id=uuid7(), name="gpu-1", hostname="h", pid=1, slots=1, level="L0", queues=["gpu"],
        lease_until=utc_now() + timedelta(minutes=5), registered_at=utc_now(),
    )  # fmt: skip
    found = check(desk)
    assert (found.state, found.resolved_by, planned(desk)) == ("resolved", recovery.BY, 2)
    desk.tell()
    assert [kind for kind, _ in desk.said()] == ["opened", "resolved"]
    assert (check(desk).state, planned(desk)) == ("resolved", 2), "one that is over is not looked at again"


def test_a_secret_that_failed_is_over_after_an_hour_without_another(desk: Desk) -> None:
    tell(desk, "secret_failed", subject="conn/warehouse")
    assert check(desk, utc_now() + timedelta(minutes=59)).state == "open"
    assert check(desk, utc_now() + timedelta(minutes=61)).state == "resolved"


@pytest.mark.parametrize("way", ["raised", "deleted", "month"])
def test_a_budget_that_burns_no_more(desk: Desk, way: str) -> None:
    now = utc_now()
    with tenant_scope(desk.tenant.id):
        budget = Budget.objects.create(
            tenant=desk.tenant, amount_micros=100, thresholds=[50, 80], changed_at=now, changed_by="ada"
        )
        BudgetBurn.objects.create(
            tenant=desk.tenant, budget_id=budget.id, month=now.date().replace(day=1), threshold=80, amount_micros=100,
            spent_micros=90, passed_at=now,
        )  # fmt: skip
    tell(desk, "budget_burn", subject="tenant")
    assert check(desk).state == "open"
    with tenant_scope(desk.tenant.id):
        if way == "raised":
            Budget.objects.update(amount_micros=1000)
        elif way == "deleted":
            Budget.objects.all().delete()
    later = now + timedelta(days=32 if way == "month" else 0)
    assert check(desk, later).state == "resolved"


def test_an_error_budget_that_burns_no_more(desk: Desk) -> None:
    desk.rule("error_budget", settings={"objective": 0.99})
    desk.dag("etl")
    for _ in range(4):
        desk.run("etl")
    desk.weigh()
    assert check(desk).state == "open"
    with tenant_scope(desk.tenant.id):
        long_ago = utc_now() - timedelta(days=7)
        DagRun.objects.update(run_after=long_ago, end_date=long_ago)
    assert check(desk).state == "resolved"


def test_a_dag_that_is_gone_ends_what_waited_for_its_success(desk: Desk) -> None:
    desk.rule()
    desk.dag("etl")
    desk.run("etl")
    desk.weigh()
    assert check(desk).state == "open"
    with tenant_scope(desk.tenant.id):
        DagRun.objects.all().delete()
        Dag.objects.filter(dag_id="etl").delete()
    assert check(desk).state == "resolved"


def test_it_is_looked_at_ever_more_seldom() -> None:
    now = utc_now()
    waits = [
        (recovery.next_check(Alert(opened_at=now - age), now) - now).total_seconds()
        for age in (timedelta(0), timedelta(minutes=8), timedelta(days=30))
    ]
    assert waits == [60.0, 120.0, 1800.0]


def test_every_kind_has_an_end(desk: Desk) -> None:
    """Whatever kinds there will be: an alert of one that is not named ends when it is quiet."""
    assert set(recovery._LOOKS) <= set(KINDS)
    assert {kind for kind in KINDS if kind not in recovery._LOOKS} == {"secret_failed"}
