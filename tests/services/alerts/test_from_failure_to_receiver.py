"""A failure in the ledger becomes one message at a receiver, also when the task was killed; and costs nothing otherwise."""

from __future__ import annotations

from datetime import timedelta

import pytest
from standardwebhooks import Webhook

from controlplane.foundation.clock import utc_now
from controlplane.ledger.models.alert_signal import AlertSignal
from tenants.scope import tenant_scope
from tests.support.alerting import KILLED, SIGNING, Desk


def signals(desk: Desk) -> list[str]:
    with tenant_scope(desk.tenant.id):
        return sorted(AlertSignal.objects.values_list("kind", flat=True))


def test_a_killed_task_is_told_of_with_all_that_helps(desk: Desk) -> None:
    hook = desk.channel()
    desk.rule(channels=[str(hook.id)], runbook="https://wiki.example/etl", is_critical=True)
    desk.dag("etl")
    desk.run("etl", died=KILLED)
    desk.all_the_way()
    [posted] = desk.sink.posted
    Webhook(SIGNING).verify(posted.body, posted.headers)
    data = posted.json()["data"]
    assert (data["kind"], data["severity"], data["owner"]) == ("run_failed", "page", "ada")
    assert data["cause"] == "Task killed by SIGKILL."
    assert data["runbook"] == "https://wiki.example/etl"
    [item] = data["items"]
    assert (item["dag_id"], item["task_id"], item["try_number"]) == ("etl", "only", 1)
    assert item["log_url"].endswith(
        f"/dagRuns/{item['run_id'].replace(':', '%3A').replace('+', '%2B')}/taskInstances/only/logs/1"
    )
    [alert] = desk.alerts()
    assert (alert.state, alert.occurrences, alert.dags) == ("open", 1, ["etl"])
    assert [row.state for row in desk.notifications()] == ["sent"]


def test_without_a_rule_nothing_is_written(desk: Desk) -> None:
    desk.dag("etl")
    desk.run("etl", died=KILLED)
    desk.run("etl", "success")
    assert signals(desk) == []


def test_a_rule_that_is_off_or_of_another_kind_writes_nothing(desk: Desk) -> None:
    desk.rule("run_failed", is_enabled=False)
    desk.rule("import_error")
    desk.dag("etl")
    desk.run("etl")
    assert signals(desk) == []


def test_only_what_rules_want_is_noted(desk: Desk) -> None:
    desk.rule("task_failed")
    desk.dag("etl")
    desk.run("etl")
    assert signals(desk) == ["task_failed"]


def test_other_tenants_hear_nothing(desk: Desk, other_tenant: object) -> None:
    from tenants.models.tenant import Tenant

    assert isinstance(other_tenant, Tenant)
    theirs = Desk(other_tenant, desk.sink)
    theirs.rule(channels=[str(theirs.channel().id)])
    desk.dag("etl")
    desk.run("etl")
    theirs.all_the_way()
    assert (theirs.alerts(), desk.sink.posted) == ([], [])


def test_twenty_failures_of_one_cause_and_owner_are_one_message(desk: Desk) -> None:
    desk.rule(channels=[str(desk.channel().id)])
    for number in range(20):
        desk.dag(f"dag_{number}")
        desk.run(
            f"dag_{number}", died={"reason": "signal", "message": f"Task killed by SIGKILL, pid {number}."}
        )
    desk.dag("other", owner="grace")
    desk.run("other", died=KILLED)
    desk.all_the_way()
    first, second = sorted(
        (posted.json()["data"] for posted in desk.sink.posted), key=lambda d: str(d["owner"])
    )
    assert (first["owner"], first["occurrences"], len(first["items"])) == ("ada", 20, 20)
    assert (second["owner"], second["occurrences"]) == ("grace", 1)


def test_code_that_raised_is_grouped_by_dag_only(desk: Desk) -> None:
    desk.rule(channels=[str(desk.channel().id)])
    for name in ("one", "two"):
        desk.dag(name)
        desk.run(name)
    desk.weigh()
    assert len(desk.alerts()) == 2


def test_repeats_in_the_window_are_counted_and_told_once_after_it(desk: Desk) -> None:
    desk.rule(channels=[str(desk.channel().id)], repeat_seconds=600)
    desk.dag("etl")
    for _ in range(5):
        desk.run("etl")
        desk.all_the_way()
    assert desk.said() == [("opened", 1)]
    [alert] = desk.alerts()
    assert (alert.occurrences, alert.told) == (5, 1)
    assert alert.tell_at is not None and alert.notified_at is not None
    assert alert.tell_at - alert.notified_at == timedelta(seconds=600)
    desk.all_the_way(utc_now() + timedelta(seconds=700))
    assert desk.said() == [("opened", 1), ("repeated", 5)]


def test_failures_while_the_group_gathers_are_one_message(desk: Desk) -> None:
    desk.rule(channels=[str(desk.channel().id)], group_wait_seconds=30)
    desk.dag("etl")
    for _ in range(3):
        desk.run("etl")
        desk.weigh()
        desk.tell()
    assert desk.said() == []
    desk.tell(utc_now() + timedelta(seconds=31))
    assert desk.said() == [("opened", 3)]


def test_a_success_ends_it_and_says_so_where_it_was_told(desk: Desk) -> None:
    desk.rule(channels=[str(desk.channel().id)])
    for name in ("one", "two"):
        desk.dag(name)
        desk.run(name, died=KILLED)
    desk.all_the_way()
    desk.run("one", "success")
    desk.all_the_way()
    assert [(a.state, a.dags) for a in desk.alerts()] == [("open", ["two"])]
    desk.run("two", "success")
    desk.all_the_way()
    [alert] = desk.alerts()
    assert (alert.state, alert.resolved_by) == ("resolved", "a success")
    assert [kind for kind, _ in desk.said()] == ["opened", "resolved"]
    desk.run("one", died=KILLED)
    desk.all_the_way()
    assert [a.state for a in desk.alerts()] == ["resolved", "open"], "another failure is another alert"


@pytest.mark.parametrize(
    ("selector", "is_told"),
    [
        ({}, True),
        ({"dag_ids": ["et?"]}, True),
        ({"dag_ids": ["x*"]}, False),
        ({"owners": ["ada"], "tags": ["gold"]}, True),
        ({"owners": ["ada"], "tags": ["lead"]}, False),
    ],
)
def test_rules_are_about_the_dags_they_name(
    desk: Desk, selector: dict[str, list[str]], is_told: bool
) -> None:
    desk.rule(selector=selector)
    desk.dag("etl", tags=["gold"])
    desk.run("etl")
    desk.weigh()
    assert bool(desk.alerts()) is is_told


def test_a_failure_with_tries_left_is_told_only_where_asked_and_as_a_ticket(desk: Desk) -> None:
    desk.rule("task_failed", name="final", is_critical=True)
    desk.rule("task_failed", name="each", settings={"on_retry": 1}, is_critical=True)
    desk.dag("etl", retries=1)
    desk.walk.trigger("etl")
    desk.walk.schedule()
    [work] = desk.walk.claim()
    desk.walk.say(work, "up_for_retry", died=KILLED)
    desk.weigh()
    assert [(a.rule.name, a.severity) for a in desk.alerts()] == [("each", "ticket")]


def test_a_batch_costs_the_same_whatever_is_in_it(desk: Desk, count_queries: object) -> None:
    from tests.support.queries import QueryCounter

    assert isinstance(count_queries, QueryCounter)
    desk.rule()
    for number in range(12):
        desk.dag(f"dag_{number}")
        desk.run(f"dag_{number}", died=KILLED)
    with count_queries(6):
        desk.weigh()
    assert [a.occurrences for a in desk.alerts()] == [12]
