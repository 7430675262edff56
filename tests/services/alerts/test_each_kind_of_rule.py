"""What each kind of rule hears of; windows, escalation and actions around them."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

import pytest

from controlplane.alerts import absence, deadlines, rules, windows
from controlplane.foundation.clock import utc_now
from controlplane.ledger import alerting
from controlplane.ledger.models.alert_signal import AlertSignal
from controlplane.ledger.models.dag import Dag
from controlplane.ledger.models.dag_run import DagRun
from controlplane.ledger.models.deadline import Deadline
from controlplane.ledger.models.event_log import EventLog
from controlplane.ledger.models.work_item import WorkItem
from tenants.scope import tenant_scope
from tests.support import specs
from tests.support.alerting import KILLED, Desk
from tests.support.factories import parsed_dag

FUTURE = timedelta(seconds=1)


def kinds(desk: Desk) -> list[tuple[str, str]]:
    return sorted((alert.kind, alert.severity) for alert in desk.alerts())


def due(desk: Desk, kind: str) -> list[datetime]:
    with tenant_scope(desk.tenant.id):
        return list(WorkItem.objects.filter(kind=kind).order_by("due_at").values_list("due_at", flat=True))


def absent(desk: Desk, rule: Any, now: datetime) -> None:
    """As the scheduler does it: the item is taken, then handled."""
    with tenant_scope(desk.tenant.id, using="scheduler"):
        WorkItem.objects.using("scheduler").filter(kind="alert_absent").delete()
        absence.absence_due(ref=rule.id, now=now, using="scheduler")
    desk.weigh(now)


def took(desk: Desk, dag_id: str, *seconds: float) -> None:
    """Successful runs of these lengths, oldest first."""
    for length in seconds:
        desk.walk.trigger(dag_id)
        desk.walk.schedule()
        with tenant_scope(desk.tenant.id):
            run = DagRun.objects.get(dag_id=dag_id, state="running")
            DagRun.objects.filter(id=run.id).update(start_date=utc_now() - timedelta(seconds=length))
        for work in desk.walk.claim():
            desk.walk.say(work, "success")
        desk.walk.schedule()


def test_a_run_that_does_not_come_is_told_of_again_and_again_until_it_comes(desk: Desk) -> None:
    rule = desk.rule(
        "run_absent",
        settings={"within_seconds": 3600},
        channels=[str(desk.channel().id)],
        selector={"dag_ids": ["etl"]},
    )
    desk.dag("etl")
    desk.dag("other")
    start = utc_now()
    absent(desk, rule, start)
    assert desk.alerts() == []
    [next_look] = due(desk, "alert_absent")
    assert timedelta(minutes=59) < next_look - start <= timedelta(hours=1), (
        "one look, when it could be missing"
    )
    absent(desk, rule, next_look + FUTURE)
    [alert] = desk.alerts()
    assert (alert.kind, alert.dags, alert.occurrences) == ("run_absent", ["etl"], 1)
    assert "no run for too long: the newest is of" in alert.items[0]["what"]
    assert len(due(desk, "alert_absent")) == 1
    desk.run("etl", "success")
    desk.weigh()
    assert desk.alerts()[0].state == "resolved"


def test_a_rule_that_was_deleted_looks_no_more(desk: Desk) -> None:
    rule = desk.rule("run_absent", is_enabled=False)
    absent(desk, rule, utc_now())
    assert due(desk, "alert_absent") == []


def test_a_missed_deadline_pages_also_when_the_run_never_ends(desk: Desk) -> None:
    desk.rule("deadline_missed", channels=[str(desk.channel().id)])
    alert = {"reference": "queued_at", "interval_seconds": 60.0, "callback": "x.y", "name": "soon"}
    parsed_dag(desk.tenant, specs.dag("late", [specs.task("only")], deadlines=[alert]))
    run = desk.walk.trigger("late")
    with tenant_scope(desk.tenant.id):
        deadlines.watch_run(ref=run.id, now=run.queued_at, using="default")
        at = Deadline.objects.get().due_at
        for _ in range(2):
            deadlines.deadline_due(ref=run.id, now=at + FUTURE, using="default")
    desk.all_the_way()
    assert kinds(desk) == [("deadline_missed", "page")]
    assert desk.said() == [("opened", 1)], "once"
    assert desk.sink.posted[0].json()["data"]["items"][0]["what"] == "the deadline was missed: soon"


def test_a_run_that_is_much_slower_is_told_of(desk: Desk) -> None:
    desk.rule("runtime_regression", settings={"last": 10, "least_seconds": 5})
    desk.dag("etl")
    took(desk, "etl", 60, 61, 59, 60, 62, 60)
    desk.weigh()
    assert desk.alerts() == []
    took(desk, "etl", 600)
    desk.weigh()
    [alert] = desk.alerts()
    assert (alert.kind, alert.severity) == ("runtime_regression", "ticket")
    assert "usually 60 s" in alert.items[0]["what"]


def test_an_error_budget_that_burns_fast_pages_only_where_it_is_critical(desk: Desk) -> None:
    desk.rule("error_budget", name="gold", is_critical=True, settings={"objective": 0.99})
    desk.rule("error_budget", name="tin", settings={"objective": 0.99})
    desk.dag("etl")
    for _ in range(3):
        desk.run("etl")
    desk.weigh()
    assert desk.alerts() == [], "three runs say nothing"
    desk.run("etl")
    desk.weigh()
    found = {alert.rule.name: (alert.severity, alert.cause) for alert in desk.alerts()}
    assert found == {
        "gold": ("page", "the error budget burns (fast)"),
        "tin": ("ticket", "the error budget burns (fast)"),
    }


def test_an_import_error_is_told_of_once_and_its_mending_too(desk: Desk) -> None:
    from controlplane.foundation.db import execute
    from tests.support.factories import published_bundle

    desk.rule("import_error", channels=[str(desk.channel().id)])
    bundle = published_bundle(desk.tenant)

    def parsed(*failing: str) -> None:
        with tenant_scope(desk.tenant.id):
            execute(
                "ledger/sql/store_import_errors.sql",
                filenames=list(failing),
                kinds=["error"] * len(failing),
                messages=["password = hunter2"] * len(failing),
                traces=["hunter2"] * len(failing),
                lines=[1] * len(failing),
                bundle=bundle.id,
                now=utc_now(),
            )
        desk.all_the_way()

    parsed("dags/bad.py")
    parsed("dags/bad.py")
    assert kinds(desk) == [("import_error", "ticket")]
    assert desk.said() == [("opened", 1)]
    assert b"hunter2" not in desk.sink.posted[0].body
    assert "dags/bad.py" in desk.sink.posted[0].json()["data"]["items"][0]["what"]
    parsed()
    assert [alert.state for alert in desk.alerts()] == ["resolved"]
    assert [kind for kind, _ in desk.said()] == ["opened", "resolved"]


def test_tasks_in_a_queue_without_agent_page(desk: Desk) -> None:
    desk.rule("no_consumer")
    parsed_dag(desk.tenant, specs.dag("gpu", [specs.task("only", queue="gpu")]))
    desk.walk.trigger("gpu")
    desk.walk.schedule()
    desk.walk.schedule()
    desk.weigh()
    [alert] = desk.alerts()
    assert (alert.severity, alert.occurrences) == ("page", 1)
    assert alert.items[0]["what"] == "no agent serves this queue: gpu"


@pytest.mark.parametrize(("kind", "severity"), [("secret_failed", "page"), ("budget_burn", "ticket")])
def test_what_other_stations_tell(desk: Desk, kind: str, severity: str) -> None:
    with tenant_scope(desk.tenant.id):
        assert alerting.tell(kind=kind, subject="conn/warehouse", now=utc_now()) is False
        assert not AlertSignal.objects.exists()
    desk.rule(kind)
    with tenant_scope(desk.tenant.id):
        assert alerting.tell(kind=kind, subject="conn/warehouse", now=utc_now()) is True
        with pytest.raises(alerting.SignalUnknown):
            alerting.tell(kind="feeling", now=utc_now())
    desk.weigh()
    assert kinds(desk) == [(kind, severity)]


def test_in_a_maintenance_window_nobody_is_told_and_one_summary_follows(desk: Desk) -> None:
    hook = desk.channel()
    desk.rule(channels=[str(hook.id)], repeat_seconds=60)
    for name in ("etl", "other"):
        desk.dag(name)
    now = utc_now()
    given = {
        "name": "move the warehouse",
        "selector": {"dag_ids": ["etl"]},
        "starts_at": now - timedelta(minutes=1),
        "ends_at": now + timedelta(hours=1),
        "channels": [],
    }
    with tenant_scope(desk.tenant.id):
        window = rules.make_window(given=given, by="ada", now=now)
    for _ in range(3):
        desk.run("etl")
        desk.all_the_way()
    desk.run("other")
    desk.all_the_way()
    assert [posted.json()["data"]["items"][0]["dag_id"] for posted in desk.sink.posted] == ["other"]
    assert due(desk, "window") == [window.ends_at]
    for _ in range(2):
        with tenant_scope(desk.tenant.id, using="scheduler"):
            windows.window_over(ref=window.id, now=window.ends_at + FUTURE, using="scheduler")
    desk.deliver()
    [summary] = [posted.json() for posted in desk.sink.posted if posted.json()["type"] == "alert.summary"]
    assert summary["data"]["cause"] == "1 alerts were kept silent"
    assert "(3 times, open)" in summary["data"]["items"][0]["what"]


def test_a_page_that_nobody_acknowledges_goes_on_to_the_next(desk: Desk) -> None:
    first, second, third = (desk.channel(name) for name in ("first", "second", "third"))
    steps = [
        {"after_seconds": 300, "channels": [str(second.id)]},
        {"after_seconds": 600, "channels": [str(third.id)]},
    ]
    desk.rule(channels=[str(first.id)], escalation=steps, is_critical=True)
    desk.dag("etl")
    desk.run("etl", died=KILLED)
    desk.weigh()
    desk.tell()
    opened = desk.alerts()[0].opened_at
    assert due(desk, "alert_escalate") == [opened + timedelta(seconds=300)]
    desk.escalate(opened + timedelta(seconds=10))
    assert [row.channel.name for row in desk.notifications()] == ["first"]
    desk.escalate(opened + timedelta(seconds=301))
    assert [row.channel.name for row in desk.notifications()] == ["first", "second"]
    with tenant_scope(desk.tenant.id):
        from controlplane.alerts.answer import answer

        answer(alert=desk.alerts()[0].id, state="acknowledged", by="ada", now=utc_now())
    desk.escalate(opened + timedelta(seconds=601))
    assert [row.channel.name for row in desk.notifications()] == ["first", "second"]


def test_a_ticket_does_not_escalate(desk: Desk) -> None:
    hook = str(desk.channel().id)
    desk.rule(channels=[hook], escalation=[{"after_seconds": 300, "channels": [hook]}])
    desk.dag("etl")
    desk.run("etl")
    desk.weigh()
    desk.tell()
    assert due(desk, "alert_escalate") == []


def test_owners_lead_to_channels(desk: Desk) -> None:
    for name in ("etl-room", "rest-room"):
        desk.channel(name)
    ids = {row.name: str(row.id) for row in (desk.channel("page-room"),)}
    with tenant_scope(desk.tenant.id):
        from controlplane.ledger.models.alert_channel import AlertChannel

        ids = {row.name: str(row.id) for row in AlertChannel.objects.all()}
        rules.put_routes(
            [
                {"owner": "ada", "severity": "page", "channels": [ids["page-room"]]},
                {"owner": "ad?", "channels": [ids["etl-room"]]},
                {"owner": "*", "channels": [ids["rest-room"]]},
            ]
        )
    desk.rule()
    for dag_id, owner in (("one", "ada"), ("two", "grace")):
        desk.dag(dag_id, owner=owner)
        desk.run(dag_id)
    desk.weigh()
    desk.tell()
    told = {(row.message["owner"], row.channel.name) for row in desk.notifications()}
    assert told == {("ada", "etl-room"), ("grace", "rest-room")}


def test_a_rule_pauses_the_dags_it_says(desk: Desk) -> None:
    desk.rule(action={"kind": "pause", "dag_ids": ["etl*"]})
    for name in ("etl", "etl_late", "other"):
        desk.dag(name)
    desk.run("other", died=KILLED)
    desk.weigh()
    with tenant_scope(desk.tenant.id):
        assert sorted(Dag.objects.filter(is_paused=True).values_list("dag_id", flat=True)) == [
            "etl",
            "etl_late",
        ]
        assert Dag.objects.get(dag_id="etl").pause_reason == "alert rule: run_failed"
        assert EventLog.objects.filter(event="paused", owner="alert rule").count() == 2


def test_a_rule_triggers_a_dag_that_mends_once_per_alert_and_never_for_itself(desk: Desk) -> None:
    desk.rule(action={"kind": "trigger", "dag_id": "mend", "conf": {"depth": 1}})
    for name in ("etl", "mend"):
        desk.dag(name)
    for _ in range(2):
        desk.run("etl", died=KILLED)
        desk.weigh()
    with tenant_scope(desk.tenant.id):
        [run] = DagRun.objects.filter(dag_id="mend")
        assert run.conf == {"depth": 1, "alert": {"rule": "run_failed", "dag_ids": ["etl"]}}
        DagRun.objects.filter(id=run.id).delete()
    desk.run("mend", died={"reason": "other", "message": "another cause"})
    desk.weigh()
    with tenant_scope(desk.tenant.id):
        assert DagRun.objects.filter(dag_id="mend").count() == 1, "the one that failed"


def test_an_action_that_cannot_be_done_stops_no_alert(desk: Desk) -> None:
    desk.rule(action={"kind": "trigger", "dag_id": "gone"}, channels=[str(desk.channel().id)])
    desk.dag("etl")
    desk.run("etl")
    desk.all_the_way()
    assert desk.said() == [("opened", 1)]
