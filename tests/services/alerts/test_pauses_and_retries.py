"""What the platform does by itself is told: DAGs that it pauses, retries that it puts off."""

from __future__ import annotations

import pytest

from controlplane.foundation.clock import utc_now
from controlplane.ledger.models.alert_signal import AlertSignal
from controlplane.ledger.models.dag import Dag
from tenants.limits.change import put_plan
from tenants.scope import tenant_scope
from tests.support import specs
from tests.support.alerting import Desk
from tests.support.factories import parsed_dag

pytestmark = pytest.mark.django_db


def _plan(**limits: object) -> None:
    put_plan(name="small", title="", limits=limits, prices={}, is_default=True, by="op", now=utc_now())


def _fail_at_first(desk: Desk, *names: str) -> None:
    """The first try of each DAG's task fails, and the next is due at once."""
    for name in names:
        task = specs.task("only", owner="ada", retries=1, retry_delay_seconds=0.0)
        parsed_dag(desk.tenant, specs.dag(name, [task], owners=["ada"]))
        desk.walk.trigger(name)
    desk.walk.schedule()
    for work in desk.walk.claim():
        assert desk.walk.say(work, "up_for_retry").verdict == "accepted"
    desk.walk.schedule()


def test_a_dag_that_is_paused_for_its_failures_is_told_of_until_it_succeeds(desk: Desk) -> None:
    _plan(failed_runs_in_a_row=2)
    desk.rule("dag_paused", channels=[str(desk.channel().id)])
    desk.dag("etl")
    desk.run("etl")
    desk.all_the_way()
    assert desk.alerts() == []
    desk.run("etl")
    desk.all_the_way()
    [alert] = desk.alerts()
    assert (alert.kind, alert.severity, alert.dags, alert.owner) == ("dag_paused", "ticket", ["etl"], "ada")
    said = desk.sink.posted[0].json()["data"]
    assert said["items"][0]["what"] == (
        "the DAG was paused: failed_runs_in_a_row: the last 2 runs of this DAG failed"
    )
    with tenant_scope(desk.tenant.id):
        Dag.objects.filter(dag_id="etl").update(is_paused=False)
    desk.run("etl", "success")
    desk.all_the_way()
    assert [one.state for one in desk.alerts()] == ["resolved"]
    assert [kind for kind, _ in desk.said()] == ["opened", "resolved"]


def test_a_dags_own_limit_tells_as_well(desk: Desk) -> None:
    desk.rule("dag_paused", selector={"dag_ids": ["mine"]})
    desk.dag("mine", max_consecutive_failed_dag_runs=1)
    desk.dag("other", max_consecutive_failed_dag_runs=1)
    for name in ("mine", "other"):
        desk.run(name)
    desk.weigh()
    [alert] = desk.alerts()
    assert alert.dags == ["mine"]
    assert "max_consecutive_failed_dag_runs" in alert.items[0]["what"]


def test_retries_that_wait_for_the_next_hour_are_told_of_per_dag(desk: Desk) -> None:
    _plan(retries_per_hour=1)
    desk.rule("retry_budget")
    _fail_at_first(desk, "one", "two", "three")
    desk.weigh()
    held = [dag for alert in desk.alerts() for dag in alert.dags]
    assert len(held) == 2, "one may be tried again, two wait"
    for alert in desk.alerts():
        assert (alert.kind, alert.severity) == ("retry_budget", "ticket")
        assert "retry_budget: the tenant began its 1 retries of this hour" in alert.items[0]["what"]


def test_without_such_a_rule_nothing_is_written(desk: Desk) -> None:
    _plan(failed_runs_in_a_row=1, retries_per_hour=0)
    desk.rule("secret_failed")
    _fail_at_first(desk, "etl")
    desk.dag("bad")
    desk.run("bad")
    with tenant_scope(desk.tenant.id):
        assert Dag.objects.get(dag_id="bad").is_paused
        assert not AlertSignal.objects.exists()
