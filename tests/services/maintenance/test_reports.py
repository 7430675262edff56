"""Scheduled reports: what is due is made once, from daily counts, and sent; who has none is not looked at."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from typing import Any
from uuid import UUID

import pytest
from django.db import connections
from django.test import override_settings
from django.test.utils import CaptureQueriesContext

from api.periodic_jobs import register_jobs
from controlplane.alerts.report import send_report
from controlplane.foundation.clock import utc_now
from controlplane.foundation.periodic import find
from controlplane.ledger.models.alert_rule import AlertRule
from controlplane.ledger.models.attempt_usage import AttemptUsage
from controlplane.ledger.models.dag_run import DagRun
from controlplane.ledger.models.deadline import Deadline
from controlplane.ledger.models.report import Report
from controlplane.ledger.models.report_due import ReportDue
from controlplane.ledger.models.report_schedule import ReportSchedule
from controlplane.ledger.models.run_day import RunDay
from controlplane.maintenance import report_schedules, reports
from domain.ids import uuid7
from domain.reporting import last_span, next_look, span_before
from tenants.limits.change import put_plan
from tenants.models.tenant import Tenant
from tenants.scope import tenant_scope
from tests.support import specs
from tests.support.alerting import Desk
from tests.support.factories import created_run, parsed_dag
from tests.support.http_sink import HttpSink
from tests.support.mail_server import MailServer

ASKED = datetime(2026, 5, 6, 10, tzinfo=UTC)
"""A Wednesday."""
MONDAY = datetime(2026, 5, 11, 8, tzinfo=UTC)
WEEKLY = {"name": "week", "period": "weekly", "is_enabled": True, "objective": 0.9, "channels": []}


@pytest.fixture
def desk(tenant: Tenant) -> Iterator[Desk]:
    with HttpSink() as sink:
        yield Desk(tenant, sink)


def ask(tenant: Tenant, now: datetime = ASKED, **more: Any) -> ReportSchedule:
    with tenant_scope(tenant.id):
        return report_schedules.put(schedule=None, given={**WEEKLY, **more}, by="ada", now=now)


def look(now: datetime) -> str:
    return reports.make_due(now=now, using="scheduler", send=send_report)


def ended(tenant: Tenant, dag_id: str, at: datetime, state: str) -> DagRun:
    with tenant_scope(tenant.id):
        run = DagRun.objects.get(id=created_run(tenant, _dag(tenant, dag_id), run_after=at).id)
        DagRun.objects.filter(id=run.id).update(state=state, end_date=at + timedelta(minutes=1))
    return run


def _dag(tenant: Tenant, dag_id: str) -> Any:
    if dag_id not in _DAGS.setdefault(tenant.id, {}):
        _DAGS[tenant.id][dag_id] = parsed_dag(tenant, specs.dag(dag_id, [specs.task("only")], tags=[dag_id]))
    return _DAGS[tenant.id][dag_id]


_DAGS: dict[UUID, dict[str, Any]] = {}


def made(tenant: Tenant) -> list[Report]:
    with tenant_scope(tenant.id):
        return list(Report.objects.order_by("id"))


def used(tenant: Tenant, dag_id: str, seconds: int, at: datetime) -> None:
    with tenant_scope(tenant.id):
        AttemptUsage.objects.create(
            tenant=tenant, kind="held", task_instance_id=uuid7(), epoch=1, dag_id=dag_id, run_id="r", task_id="t",
            map_index=-1, try_number=1, started_at=at, ended_at=at, task_us=seconds * 10**6,
        )  # fmt: skip


def test_weeks_and_months() -> None:
    assert last_span("weekly", date(2026, 5, 11)) == (date(2026, 5, 4), date(2026, 5, 11))
    assert last_span("weekly", date(2026, 5, 10)) == (date(2026, 4, 27), date(2026, 5, 4))
    assert last_span("monthly", date(2026, 1, 1)) == (date(2025, 12, 1), date(2026, 1, 1))
    assert last_span("monthly", date(2024, 3, 31)) == (date(2024, 2, 1), date(2024, 3, 1))
    assert span_before("monthly", date(2026, 3, 1)) == (date(2026, 2, 1), date(2026, 3, 1))


@pytest.mark.parametrize("tenant_id", [UUID(int=0), UUID(int=3599), UUID(int=2**128 - 1)])
def test_each_tenant_has_a_moment_of_its_own_in_the_morning(tenant_id: UUID) -> None:
    first = next_look(datetime(2026, 5, 11, 5, 59, 59, tzinfo=UTC), tenant_id)
    assert datetime(2026, 5, 11, 6, tzinfo=UTC) <= first < datetime(2026, 5, 11, 7, tzinfo=UTC)
    assert next_look(first, tenant_id) == first + timedelta(days=1)


def test_a_week_is_reported_once_with_its_runs_and_its_budget(tenant: Tenant) -> None:
    ask(tenant)
    for day in (4, 5, 6, 10):
        ended(tenant, "good", datetime(2026, 5, day, 3, tzinfo=UTC), "success")
    ended(tenant, "bad", datetime(2026, 5, 7, tzinfo=UTC), "failed")
    ended(tenant, "bad", datetime(2026, 5, 10, 23, 59, 59, tzinfo=UTC), "success")
    ended(tenant, "good", datetime(2026, 5, 3, 23, 59, 59, tzinfo=UTC), "failed")  # the week before
    ended(tenant, "good", datetime(2026, 5, 11, tzinfo=UTC), "failed")  # the week after
    assert look(MONDAY - timedelta(days=1)).startswith("0 reports for 1 tenants")
    assert look(MONDAY) == "1 reports for 1 tenants"
    [report] = made(tenant)
    assert (report.first, report.last, report.asked_by) == (date(2026, 5, 4), date(2026, 5, 11), "ada")
    said = report.figures
    assert said["runs"] == {"succeeded": 5, "failed": 1, "unfinished": 0, "success_rate": round(5 / 6, 6)}
    assert said["runs_before"] == {"succeeded": 0, "failed": 1, "unfinished": 0, "success_rate": 0.0}
    assert [(one["dag_id"], one["failed"]) for one in said["failing"]] == [("bad", 1)]
    [budget] = said["error_budgets"]
    assert (budget["runs"], budget["failed"], budget["used"]) == (6, 1, round(1 / (6 * (1 - 0.9)), 6))
    assert look(MONDAY + timedelta(hours=3)) == "0 reports for 0 tenants"
    assert look(MONDAY + timedelta(days=1)) == "0 reports for 1 tenants"
    assert look(MONDAY + timedelta(days=7)) == "1 reports for 1 tenants"
    assert [row.first for row in made(tenant)] == [date(2026, 5, 4), date(2026, 5, 11)]


def test_a_morning_that_was_missed_is_made_up_for_once(tenant: Tenant) -> None:
    ask(tenant)
    assert look(MONDAY + timedelta(days=16)) == "1 reports for 1 tenants"
    assert [row.first for row in made(tenant)] == [date(2026, 5, 18)]


def test_a_month_has_usage_cost_budgets_rules_and_deadlines(tenant: Tenant) -> None:
    prices = {"task_hour": 36_000_000}
    put_plan(name="paid", title="", limits={}, prices=prices, is_default=True, by="op", now=ASKED)
    ask(tenant, period="monthly")
    run = ended(tenant, "gold", datetime(2026, 5, 20, tzinfo=UTC), "failed")
    ended(tenant, "dross", datetime(2026, 5, 20, tzinfo=UTC), "failed")
    used(tenant, "gold", 3600, datetime(2026, 5, 20, tzinfo=UTC))
    used(tenant, "dross", 7200, datetime(2026, 5, 31, 23, 59, tzinfo=UTC))
    used(tenant, "gold", 9999, datetime(2026, 6, 1, tzinfo=UTC))
    with tenant_scope(tenant.id):
        at = datetime(2026, 5, 20, tzinfo=UTC)
        Deadline.objects.create(tenant=tenant, kind="dag", dag_run=run, number=0, reference="r", due_at=at,
                                missed_at=at, created_at=at, updated_at=at)  # fmt: skip
        AlertRule.objects.create(tenant=tenant, name="gold SLO", kind="error_budget", selector={"tags": ["go*"]},
                                 settings={"objective": 0.95}, created_at=at, updated_at=at)  # fmt: skip
    assert look(datetime(2026, 6, 1, 7, tzinfo=UTC)) == "1 reports for 1 tenants"
    [report] = made(tenant)
    said = report.figures
    assert (said["usage"]["task_hours"], said["usage"]["cost_micros"]) == (3.0, 108_000_000)
    assert [(one["dag_id"], one["cost_micros"]) for one in said["costliest"]] == [
        ("dross", 72_000_000),
        ("gold", 36_000_000),
    ]
    assert said["deadlines_missed"] == 1
    assert [(one["name"], one["runs"], one["used"]) for one in said["error_budgets"]] == [
        ("all runs", 2, 10.0),
        ("gold SLO", 1, 20.0),
    ]


def test_what_retention_took_stays_counted_and_what_ended_late_is_counted_again(tenant: Tenant) -> None:
    ask(tenant)
    gone = ended(tenant, "good", datetime(2026, 5, 6, tzinfo=UTC), "success")
    late = ended(tenant, "good", datetime(2026, 5, 8, tzinfo=UTC), "running")
    look(datetime(2026, 5, 7, 7, tzinfo=UTC))
    look(datetime(2026, 5, 9, 7, tzinfo=UTC))
    with tenant_scope(tenant.id):
        day = RunDay.objects.get(day=date(2026, 5, 8), dag_id="")
        assert (day.succeeded, day.unfinished) == (0, 1)
        DagRun.objects.filter(id=gone.id).delete()
        DagRun.objects.filter(id=late.id).update(state="success")
    look(MONDAY)
    assert made(tenant)[0].figures["runs"]["succeeded"] == 2
    assert made(tenant)[0].figures["runs"]["unfinished"] == 0


def test_it_goes_to_its_channels_signed_with_its_figures(desk: Desk) -> None:
    channel = desk.channel()
    ask(desk.tenant, channels=[str(channel.id)])
    ended(desk.tenant, "bad", datetime(2026, 5, 7, tzinfo=UTC), "failed")
    look(MONDAY)
    desk.deliver()
    [request] = desk.sink.posted
    body = request.json()
    assert (body["type"], body["data"]["name"], body["data"]["asked_by"]) == ("report.made", "week", "ada")
    assert (body["data"]["first"], body["data"]["last"]) == ("2026-05-04", "2026-05-10")
    assert body["data"]["runs"]["failed"] == 1
    assert body["data"]["lines"][0] == "Runs: 0 succeeded, 1 failed; success 0 %, before none"


def test_one_tenants_trouble_is_not_the_others(
    tenant: Tenant, other_tenant: Tenant, monkeypatch: pytest.MonkeyPatch
) -> None:
    ask(tenant)
    ask(other_tenant)
    real = reports.figures

    def failing(**given: Any) -> dict[str, Any]:
        if reports.require_tenant(using="scheduler") == tenant.id:
            raise RuntimeError
        return real(**given)

    monkeypatch.setattr(reports, "figures", failing)
    assert look(MONDAY) == "1 reports for 1 tenants, 1 failed"
    assert (len(made(tenant)), len(made(other_tenant))) == (0, 1)
    monkeypatch.undo()
    assert look(MONDAY) == "0 reports for 0 tenants", "it is held for a while"
    assert look(MONDAY + timedelta(minutes=11)) == "1 reports for 1 tenants"
    assert len(made(tenant)) == 1


def test_a_tenant_without_a_schedule_costs_nothing(tenant: Tenant, other_tenant: Tenant) -> None:
    schedule = ask(tenant)
    ended(other_tenant, "good", ASKED, "success")
    with tenant_scope(tenant.id):
        assert ReportDue.objects.count() == 1
        report_schedules.drop(schedule.id, now=ASKED)
        assert ReportDue.objects.count() == 0
    with CaptureQueriesContext(connections["scheduler"]) as asked:
        assert look(MONDAY) == "0 reports for 0 tenants"
    assert len(asked) == 1
    with tenant_scope(other_tenant.id):
        assert not RunDay.objects.exists()


def test_one_that_is_switched_off_rests_and_goes_on_with_what_is_then(tenant: Tenant) -> None:
    schedule = ask(tenant, is_enabled=False)
    look(MONDAY)
    assert made(tenant) == []
    with tenant_scope(tenant.id):
        later = MONDAY + timedelta(days=30)
        report_schedules.put(schedule=report_schedules.find(schedule.id), given=WEEKLY, by="ada", now=later)
    assert look(later + timedelta(days=1)) == "0 reports for 1 tenants"
    assert look(later + timedelta(days=7)) == "1 reports for 1 tenants"


def test_the_job_is_there_for_operators(database: None) -> None:
    register_jobs()
    assert find("reports.make").run(now=utc_now(), using="scheduler") == "0 reports for 0 tenants"


def test_it_is_mailed(desk: Desk) -> None:
    server = MailServer()
    server.controller.start()
    try:
        channel = desk.channel("mail", kind="email", config={"to": ["ada@example.com"]}, secret={})
        ask(desk.tenant, channels=[str(channel.id)])
        look(MONDAY)
        options = {"host": "127.0.0.1", "port": server.port}
        with override_settings(SMTP_URL=f"smtp://127.0.0.1:{server.port}", SMTP_OPTIONS=options):
            desk.deliver()
    finally:
        server.controller.stop()
    [mail] = server.mails
    assert mail["Subject"].endswith("[report] week: 2026-05-04 to 2026-05-10")
    assert "Runs: 0 succeeded, 0 failed; success none, before none" in mail.get_content()
