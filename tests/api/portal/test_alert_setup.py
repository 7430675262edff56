"""Channels, rules, routes, windows and alerts through the portal: who may, who may not, and what is never shown."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import timedelta
from typing import Any
from uuid import uuid4

import pytest

from controlplane.foundation.clock import utc_now
from controlplane.ledger.models.alert_channel import AlertChannel
from controlplane.ledger.models.alert_rule import AlertRule
from tenants.models.tenant import Tenant
from tenants.scope import tenant_scope
from tests.support.actors import Actor
from tests.support.alerting import KILLED, SIGNING, Desk
from tests.support.http_sink import HttpSink

AT = "/tenants/alpha"
SLACK = {
    "name": "room",
    "kind": "slack",
    "secret": {"url": "https://hooks.example.com/services/T0/B0/hunter2"},
}
RULE = {"name": "failures", "kind": "run_failed"}
WINDOW_ID = uuid4()
DOORS = [
    ("GET", "alert-channels", None),
    ("POST", "alert-channels", SLACK),
    ("GET", f"alert-channels/{uuid4()}", None),
    ("PUT", f"alert-channels/{uuid4()}", SLACK),
    ("DELETE", f"alert-channels/{uuid4()}", None),
    ("POST", f"alert-channels/{uuid4()}/test", None),
    ("GET", "alert-rules", None),
    ("POST", "alert-rules", RULE),
    ("GET", f"alert-rules/{uuid4()}", None),
    ("PUT", f"alert-rules/{uuid4()}", RULE),
    ("DELETE", f"alert-rules/{uuid4()}", None),
    ("GET", "alert-routes", None),
    ("PUT", "alert-routes", {"routes": []}),
    ("GET", "maintenance-windows", None),
    (
        "POST",
        "maintenance-windows",
        {"name": "w", "starts_at": "2027-01-01T00:00Z", "ends_at": "2027-01-02T00:00Z"},
    ),
    ("DELETE", f"maintenance-windows/{uuid4()}", None),
    ("GET", "alerts", None),
    ("GET", f"alerts/{uuid4()}", None),
    ("POST", f"alerts/{uuid4()}/answer", {"state": "resolved"}),
    ("GET", "notifications", None),
]


@pytest.fixture
def op(actor: Callable[[str], Actor]) -> Actor:
    return actor("Op")


@pytest.fixture
def desk(tenant: Tenant) -> Iterator[Desk]:
    with HttpSink() as sink:
        yield Desk(tenant, sink)


def rows(tenant: Tenant) -> tuple[int, int]:
    with tenant_scope(tenant.id):
        return AlertChannel.objects.count(), AlertRule.objects.count()


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
    assert rows(tenant) == (0, 0)


def test_a_channel_is_made_changed_and_deleted_and_its_secret_is_never_shown(
    tenant: Tenant, op: Actor, viewer: Actor
) -> None:
    made = op.portal().post(f"{AT}/alert-channels", SLACK)
    assert made.status == 201
    path = f"{AT}/alert-channels/{made['id']}"
    changed = op.portal().call(
        "PUT", path, {**SLACK, "name": "renamed", "secret": None} | {"is_enabled": False}
    )
    assert changed.status == 422, "a secret that is given must be one"
    body = {"name": "renamed", "kind": "slack", "is_enabled": False}
    changed = op.portal().call("PUT", path, body)
    assert (changed.status, changed["name"], changed["is_enabled"], changed["version"]) == (
        200,
        "renamed",
        False,
        2,
    )
    seen = viewer.portal().get(f"{AT}/alert-channels")
    assert [one["name"] for one in seen["channels"]] == ["renamed"]
    for answer in (made, changed, seen, viewer.portal().get(path)):
        assert "hunter2" not in str(answer.body)
        assert "secret" not in str(answer.body)
    with tenant_scope(tenant.id):
        assert b"hunter2" not in bytes(AlertChannel.objects.get().sealed or b"")
    assert op.portal().delete(path).status == 204
    assert op.portal().get(path).status == 404
    assert rows(tenant) == (0, 0)


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"kind": "fax"}, "kind"),
        ({"name": ""}, "name"),
        ({"secret": {}}, "secret.url"),
        ({"secret": {"url": "http://example.com/"}}, "secret.url"),
        ({"secret": {"url": "https://user:word@example.com/"}}, "secret.url"),
        ({"secret": {"url": "https://example.com/\r\nX: y"}}, "secret.url"),
        ({"secret": {"url": "https://example.com/", "more": "x"}}, "secret.more"),
        ({"config": {"url": "https://example.com/"}}, "config.url"),
        ({"kind": "email", "secret": {}, "config": {"to": []}}, "config.to"),
        ({"kind": "email", "secret": {}, "config": {"to": ["a@b.c\nBcc: d@e.fg"]}}, "config.to"),
        ({"kind": "pagerduty", "secret": {"routing_key": "short"}}, "secret.routing_key"),
        (
            {"kind": "pagerduty", "config": {"region": "moon"}, "secret": {"routing_key": "k" * 32}},
            "config.region",
        ),
        (
            {"kind": "webhook", "secret": {"url": "https://e.com", "signing_secret": "weak"}},
            "secret.signing_secret",
        ),
    ],
)
def test_a_channel_that_cannot_be_names_its_field(
    tenant: Tenant, op: Actor, change: dict[str, Any], field: str
) -> None:
    answer = op.portal().post(f"{AT}/alert-channels", {**SLACK, **change})
    assert (answer.status, list(answer["errors"])) == (422, [field])
    assert rows(tenant) == (0, 0)


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"kind": "feeling"}, "kind"),
        ({"settings": {"objective": 0.9}}, "settings.objective"),
        ({"kind": "error_budget", "settings": {"objective": 1.0}}, "settings.objective"),
        ({"kind": "error_budget", "settings": {"objective": "high"}}, "settings.objective"),
        ({"kind": "run_absent", "settings": {"within_seconds": 1}}, "settings.within_seconds"),
        ({"selector": {"dags": ["x"]}}, "selector.dags"),
        ({"selector": {"dag_ids": "x"}}, "selector.dag_ids"),
        ({"selector": {"dag_ids": ["*a*a*a*a*a"]}}, "selector.dag_ids"),
        ({"channels": [str(uuid4())]}, "channels"),
        ({"escalation": [{"after_seconds": 60, "channels": []}]}, "escalation.0.channels"),
        ({"action": {"kind": "shout"}}, "action.kind"),
        ({"action": {"kind": "trigger"}}, "action.dag_id"),
        ({"action": {"kind": "pause", "conf": {}}}, "action.conf"),
        ({"runbook": "javascript:alert(1)"}, "runbook"),
        ({"repeat_seconds": 1}, "repeat_seconds"),
        ({"severity": "shrug"}, "severity"),
    ],
)
def test_a_rule_that_cannot_be_names_its_field(
    tenant: Tenant, op: Actor, change: dict[str, Any], field: str
) -> None:
    answer = op.portal().post(f"{AT}/alert-rules", {**RULE, **change})
    assert (answer.status, list(answer["errors"])) == (422, [field])
    assert rows(tenant) == (0, 0)


def test_a_channel_of_another_tenant_is_none(desk: Desk, op: Actor, other_tenant: Tenant) -> None:
    theirs = Desk(other_tenant, desk.sink).channel()
    answer = op.portal().post(f"{AT}/alert-rules", {**RULE, "channels": [str(theirs.id)]})
    assert (answer.status, list(answer["errors"])) == (422, ["channels"])
    assert op.portal().post(f"{AT}/alert-channels/{theirs.id}/test").status == 404


def test_a_rule_is_made_changed_and_deleted(desk: Desk, op: Actor, viewer: Actor) -> None:
    hook = str(desk.channel().id)
    step = {"after_seconds": 900, "channels": [hook]}
    made = op.portal().post(f"{AT}/alert-rules", {**RULE, "channels": [hook], "escalation": [step]})
    assert (made.status, made["channels"], made["escalation"]) == (201, [hook], [step])
    again = op.portal().post(f"{AT}/alert-rules", RULE)
    assert (again.status, list(again["errors"])) == (422, ["name"])
    path = f"{AT}/alert-rules/{made['id']}"
    changed = op.portal().call("PUT", path, {**RULE, "is_critical": True, "selector": {"owners": ["ada"]}})
    assert (changed.status, changed["is_critical"], changed["channels"]) == (200, True, [])
    other = op.portal().call("PUT", path, {**RULE, "kind": "task_failed"})
    assert (other.status, list(other["errors"])) == (422, ["kind"])
    assert [one["version"] for one in viewer.portal().get(f"{AT}/alert-rules")["rules"]] == [2]
    assert op.portal().delete(path).status == 204
    assert viewer.portal().get(path).status == 404


def test_routes_are_replaced_whole(desk: Desk, op: Actor) -> None:
    hook = str(desk.channel().id)
    turns = {"starts_at": "2026-01-05T09:00:00Z", "every_seconds": 604800}
    routes = [{"owner": "team-*", "severity": "page", "channels": [hook], "rotation": turns}]
    first = op.portal().call("PUT", f"{AT}/alert-routes", {"routes": routes})
    assert (first.status, first["routes"][0]["owner"]) == (200, "team-*")
    refused = op.portal().call(
        "PUT", f"{AT}/alert-routes", {"routes": [{"owner": "*", "channels": [str(uuid4())]}]}
    )
    assert (refused.status, list(refused["errors"])) == (422, ["routes.0.channels"])
    assert len(op.portal().get(f"{AT}/alert-routes")["routes"]) == 1


def test_a_window_that_cannot_be_names_its_field_and_one_is_ended(desk: Desk, op: Actor) -> None:
    now = utc_now()
    body = {"name": "move", "starts_at": now.isoformat(), "ends_at": (now - timedelta(hours=1)).isoformat()}
    answer = op.portal().post(f"{AT}/maintenance-windows", body)
    assert (answer.status, list(answer["errors"])) == (422, ["ends_at"])
    made = op.portal().post(
        f"{AT}/maintenance-windows", {**body, "ends_at": (now + timedelta(days=1)).isoformat()}
    )
    assert made.status == 201
    ended = op.portal().delete(f"{AT}/maintenance-windows/{made['id']}")
    assert ended.status == 200
    assert ended["ends_at"] < made["ends_at"]


def test_a_test_notification_goes_the_whole_way_and_its_log_is_read(
    desk: Desk, op: Actor, viewer: Actor
) -> None:
    hook = desk.channel(is_enabled=False)
    asked = op.portal().post(f"{AT}/alert-channels/{hook.id}/test")
    assert (asked.status, asked["state"], asked["kind"]) == (202, "pending", "test")
    desk.deliver()
    assert [posted.json()["type"] for posted in desk.sink.posted] == ["alert.test"]
    [seen] = viewer.portal().get(f"{AT}/notifications?channel_id={hook.id}")["notifications"]
    assert (seen["id"], seen["state"], seen["channel"], seen["attempts"]) == (asked["id"], "sent", "hook", 1)
    assert SIGNING not in str(seen)
    assert viewer.portal().get(f"{AT}/notifications?state=failed")["notifications"] == []
    assert viewer.portal().get(f"{AT}/notifications?limit=0").status == 422


def test_an_alert_is_read_acknowledged_and_resolved(
    desk: Desk, viewer: Actor, actor: Callable[[str], Actor]
) -> None:
    desk.rule(channels=[str(desk.channel().id)])
    for name in ("one", "two"):
        desk.dag(name, owner=name)
        desk.run(name, died=KILLED)
    desk.all_the_way()
    first = viewer.portal().get(f"{AT}/alerts?limit=1")
    rest = viewer.portal().following(first)
    # Opened in one batch: which of them comes first is chance.
    ids = {one["owner"]: one["id"] for one in first["alerts"] + rest["alerts"]}
    assert sorted(ids) == ["one", "two"]
    assert rest["next"] is None
    path = f"{AT}/alerts/{ids['two']}"
    author = actor("Author").portal()
    assert author.post(f"{path}/answer", {"state": "open"}).status == 422
    assert author.post(f"{path}/answer", {"state": "acknowledged"})["state"] == "acknowledged"
    desk.run("two", died=KILLED)
    desk.all_the_way(utc_now() + timedelta(hours=2))
    assert [kind for kind, _ in desk.said()] == ["opened", "opened"], "what is acknowledged is not repeated"
    assert author.post(f"{path}/answer", {"state": "resolved"})["state"] == "resolved"
    assert author.post(f"{path}/answer", {"state": "acknowledged"}).status == 409
    assert viewer.portal().get(path)["occurrences"] == 2
    assert len(viewer.portal().get(f"{AT}/alerts?state=open")["alerts"]) == 1
