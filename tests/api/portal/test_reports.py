"""Scheduled reports through the portal: who may ask for them, who may read them, who hears nothing of them."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any
from uuid import uuid4

import pytest

from controlplane.ledger.models.report import Report
from controlplane.ledger.models.report_schedule import ReportSchedule
from tenants.models.audit_row import AuditRow
from tenants.models.tenant import Tenant
from tenants.scope import tenant_scope
from tests.support.actors import Actor

AT = "/tenants/alpha"
BODY = {"name": "week", "period": "weekly"}
DOORS = [
    ("GET", "report-schedules", None),
    ("POST", "report-schedules", BODY),
    ("GET", f"report-schedules/{uuid4()}", None),
    ("PUT", f"report-schedules/{uuid4()}", BODY),
    ("DELETE", f"report-schedules/{uuid4()}", None),
    ("POST", f"report-schedules/{uuid4()}/run", None),
    ("GET", "reports", None),
    ("GET", f"reports/{uuid4()}", None),
]


@pytest.fixture
def op(actor: Callable[[str], Actor]) -> Actor:
    return actor("Op")


@pytest.mark.parametrize(("method", "path", "body"), DOORS)
def test_a_stranger_hears_that_there_is_no_such_tenant(
    tenant: Tenant, stranger: Actor, method: str, path: str, body: Any
) -> None:
    answer = stranger.portal().call(method, f"{AT}/{path}", body)
    absent = stranger.portal().call(method, f"/tenants/nowhere/{path}", body)
    assert (answer.status, answer["code"]) == (absent.status, absent["code"]) == (404, "not-found")


@pytest.mark.parametrize(("method", "path", "body"), [door for door in DOORS if door[0] != "GET"])
def test_a_viewer_looks_and_changes_nothing(
    tenant: Tenant, viewer: Actor, method: str, path: str, body: Any
) -> None:
    assert viewer.portal().call(method, f"{AT}/{path}", body).status == 403
    with tenant_scope(tenant.id):
        assert not ReportSchedule.objects.exists()


@pytest.mark.parametrize(("method", "path", "body"), [door for door in DOORS if "/" in door[1]])
def test_what_is_not_there_is_not_found(tenant: Tenant, op: Actor, method: str, path: str, body: Any) -> None:
    assert op.portal().call(method, f"{AT}/{path}", body).status == 404


def test_one_is_asked_for_changed_made_read_and_deleted(tenant: Tenant, op: Actor, viewer: Actor) -> None:
    channel = {"name": "m", "kind": "email", "config": {"to": ["ada@example.com"]}, "secret": {}}
    receiver = op.portal().post(f"{AT}/alert-channels", channel)["id"]
    made = op.portal().post(f"{AT}/report-schedules", {**BODY, "channels": [receiver]})
    assert (made.status, made["objective"], made["is_enabled"]) == (201, 0.99, True)
    assert made["asked_by"] == op.user.username
    path = f"{AT}/report-schedules/{made['id']}"
    changed = op.portal().call("PUT", path, {**BODY, "period": "monthly", "channels": [receiver]})
    assert (changed.status, changed["period"], changed["version"]) == (200, "monthly", 2)
    assert [one["name"] for one in viewer.portal().get(f"{AT}/report-schedules")["report_schedules"]] == [
        "week"
    ]
    report = op.portal().post(f"{path}/run")
    assert (report.status, report["period"], report["figures"]["runs"]["succeeded"]) == (201, "monthly", 0)
    again = op.portal().post(f"{path}/run")
    assert again["id"] == report["id"], "a period has one report"
    [listed] = viewer.portal().get(f"{AT}/reports", {"schedule_id": made["id"]})["reports"]
    assert listed["id"] == report["id"] and "figures" not in listed
    assert viewer.portal().get(f"{AT}/reports", {"schedule_id": str(uuid4())})["reports"] == []
    assert viewer.portal().get(f"{AT}/reports/{report['id']}")["lines"] == report["lines"]
    sent = viewer.portal().get(f"{AT}/notifications")["notifications"]
    assert [(one["kind"], one["channel_id"]) for one in sent] == [("report", receiver)] * 2
    assert op.portal().delete(path).status == 204
    assert op.portal().get(path).status == 404
    with tenant_scope(tenant.id):
        assert not Report.objects.exists()
        rows = (
            AuditRow.objects.filter(action__startswith="report.")
            .order_by("seq")
            .values_list("action", "actor")
        )
        assert [row[0] for row in rows] == [
            "report.schedule.created", "report.schedule.changed", "report.made", "report.made",
            "report.schedule.deleted",
        ]  # fmt: skip
        assert {row[1] for row in rows} == {op.user.username}


def test_another_tenants_report_is_not_found(tenant: Tenant, op: Actor, stranger: Actor) -> None:
    made = op.portal().post(f"{AT}/report-schedules", BODY)
    report = op.portal().post(f"{AT}/report-schedules/{made['id']}/run")
    theirs = f"/tenants/{stranger.tenant.slug}"
    assert stranger.portal().get(f"{theirs}/reports/{report['id']}").status == 404
    assert stranger.portal().get(f"{theirs}/reports", {"schedule_id": made["id"]})["reports"] == []
    assert stranger.portal().delete(f"{theirs}/report-schedules/{made['id']}").status == 404
    assert op.portal().get(f"{AT}/report-schedules/{made['id']}").status == 200


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"name": ""}, "name"),
        ({"name": "taken"}, "name"),
        ({"period": "hourly"}, "period"),
        ({"objective": 1}, "objective"),
        ({"objective": "nan"}, "objective"),
        ({"channels": [str(uuid4())]}, "channels"),
        ({"channels": ["mail"]}, "channels"),
    ],
)
def test_a_schedule_that_cannot_be_names_its_field(
    tenant: Tenant, op: Actor, change: dict[str, Any], field: str
) -> None:
    op.portal().post(f"{AT}/report-schedules", {**BODY, "name": "taken"})
    answer = op.portal().post(f"{AT}/report-schedules", {**BODY, **change})
    assert (answer.status, list(answer["errors"])) == (422, [field])
    with tenant_scope(tenant.id):
        assert ReportSchedule.objects.count() == 1


def test_a_pager_takes_no_reports(tenant: Tenant, op: Actor) -> None:
    body = {
        "name": "pager",
        "kind": "pagerduty",
        "config": {"region": "eu"},
        "secret": {"routing_key": "k" * 32},
    }
    pager = op.portal().post(f"{AT}/alert-channels", body)["id"]
    answer = op.portal().post(f"{AT}/report-schedules", {**BODY, "channels": [pager]})
    assert (answer.status, list(answer["errors"])) == (422, ["channels"])
