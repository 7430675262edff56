"""POST /connections/test, POST and GET /connections/enqueue-test: a connection is tested by an agent of the tenant."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import timedelta
from typing import Any
from uuid import UUID

import pytest
from django.test import override_settings

from api.agent import wiring
from api.v2.connections import testing
from controlplane.foundation.clock import utc_now
from controlplane.ledger.models.connection_test import ConnectionTest
from controlplane.ledger.models.workload import Workload
from controlplane.secrets import connection_tests, connections
from controlplane.secrets.rotate import rotate_tenant
from tenants.models.audit_row import AuditRow
from tenants.models.tenant import Tenant
from tenants.scope import tenant_scope
from tests.support.actors import Actor, Door
from tests.support.factories import ready_runtime
from tests.support.testing_agent import TestingAgent

PASSWORD = "s3cret-of-the-test"
BODY = {
    "connection_id": "db",
    "conn_type": "postgres",
    "host": "db.example.com",
    "login": "etl",
    "password": PASSWORD,
    "schema": "public",
    "port": 5432,
    "extra": json.dumps({"sslmode": "require", "token": "t0ken-of-the-test"}),
}
PATH = "/connections/test"
ENQUEUE = "/connections/enqueue-test"


def passed(given: dict[str, Any]) -> dict[str, Any]:
    return {"status": True, "message": "Connection successfully tested"}


@pytest.fixture
def agent(tenant: Tenant) -> TestingAgent:
    ready_runtime(tenant)
    return TestingAgent()


def ask_by_token(door: Door, token: str) -> Any:
    return door.get(ENQUEUE, Airflow_Connection_Test_Token=token)


def test_the_hook_answers(tenant: Tenant, member: Actor, agent: TestingAgent) -> None:
    with agent.serving(passed):
        answer = member.v2().post(PATH, BODY)
    assert (answer.status, answer.body) == (200, passed({}))
    [given] = agent.given
    assert given == {
        "conn_id": "db", "conn_type": "postgres", "host": "db.example.com", "login": "etl", "password": PASSWORD,
        "schema": "public", "port": 5432, "extra": BODY["extra"],
    }  # fmt: skip
    with agent.serving(lambda given: {"status": False, "message": "timeout expired"}):
        answer = member.v2().post(PATH, BODY)
    assert (answer.status, answer.body) == (200, {"status": False, "message": "timeout expired"})
    with tenant_scope(tenant.id):
        assert not Workload.objects.exists()
        assert [row.sealed for row in ConnectionTest.objects.all()] == [None, None], (
            "kept no longer than needed"
        )
        assert not connections.Connection.objects.exists(), "a test stores nothing"


def test_it_leaves_a_trace_without_secrets(tenant: Tenant, member: Actor, agent: TestingAgent) -> None:
    with agent.serving(passed):
        member.v2().post(PATH, BODY)
    log = member.v2().get("/eventLogs")
    assert "test_connection" in {row["event"] for row in log["event_logs"]}
    with tenant_scope(tenant.id):
        rows = list(AuditRow.objects.filter(target="connection:db").values())
        kept = list(ConnectionTest.objects.values())
    assert {"connection.test_asked", "connection.tested"} <= {row["action"] for row in rows}
    for told in (log.body, rows, kept):
        assert PASSWORD not in str(told)
        assert "t0ken-of-the-test" not in str(told)


def test_what_is_held_stands_in_for_what_is_masked(
    tenant: Tenant, member: Actor, agent: TestingAgent
) -> None:
    member.v2().post("/connections", BODY)
    shown = {k: v for k, v in member.v2().get("/connections/db").body.items() if k != "team_name"}
    with agent.serving(passed):
        assert member.v2().post(PATH, shown)["status"] is True
    with agent.serving(passed):
        member.v2().post(PATH, {"connection_id": "db", "conn_type": "postgres"})
    for given in agent.given:
        assert (given["host"], given["password"]) == ("db.example.com", PASSWORD)
        assert json.loads(given["extra"])["token"] == "t0ken-of-the-test"


@pytest.mark.parametrize("change", [{"host": "elsewhere.example"}, {"port": 1}])
def test_held_credentials_go_to_their_own_place_only(
    tenant: Tenant, member: Actor, agent: TestingAgent, change: dict[str, Any]
) -> None:
    member.v2().post("/connections", BODY)
    shown = {k: v for k, v in member.v2().get("/connections/db").body.items() if k != "team_name"}
    for body in ({**shown, **change}, {"connection_id": "db", "conn_type": "postgres", **change}):
        answer = member.v2().post(PATH, body)
        assert (answer.status, answer["detail"]) == (400, testing.OTHER_PLACE)
    with agent.serving(passed):
        own = {**shown, **change, "password": "another-one", "extra": None}
        assert member.v2().post(PATH, own)["status"] is True
    [given] = agent.given
    assert (given["password"], given["extra"]) == ("another-one", None)


def test_who_may(tenant: Tenant, actor: Callable[[str], Actor], stranger: Actor, nobody: Door) -> None:
    for path in (PATH, ENQUEUE):
        assert actor("Viewer").v2().post(path, BODY).status == 403
        assert actor("Author").v2().post(path, BODY).status == 403
        heard = stranger.v2(at=tenant).post(path, BODY)
        absent = stranger.v2(at=tenant).post("/no/such/path", BODY)
        assert (heard.status, heard.body) == (absent.status, absent.body)
        assert nobody.post(path, BODY).status == 401
    with tenant_scope(tenant.id):
        assert not ConnectionTest.objects.exists()


def test_a_token_is_worth_nothing_to_others(
    tenant: Tenant, member: Actor, agent: TestingAgent, stranger: Actor
) -> None:
    token = member.v2().post(ENQUEUE, BODY)["token"]
    assert ask_by_token(member.v2(), token)["state"] == "pending"
    elsewhere = ask_by_token(stranger.v2(), token)
    assert (elsewhere.status, elsewhere["detail"]) == (404, f"No connection test found for token: `{token}`")
    assert ask_by_token(stranger.v2(at=tenant), token).status == 404
    with tenant_scope(tenant.id):
        assert token not in str(list(ConnectionTest.objects.values()))


def test_it_is_enqueued_polled_and_kept_when_it_succeeds(
    tenant: Tenant, member: Actor, agent: TestingAgent
) -> None:
    door = member.v2()
    first = door.post(ENQUEUE, {**BODY, "commit_on_success": True})
    assert (first.status, first["connection_id"], first["state"]) == (202, "db", "pending")
    again = door.post(ENQUEUE, BODY)
    assert again.status == 409
    assert again["detail"] == "An active connection test already exists for connection_id `db`."
    [order] = agent.claim()
    assert ask_by_token(door, first["token"])["state"] == "running"
    with tenant_scope(tenant.id):
        assert not connections.Connection.objects.exists(), "not before it has succeeded"
    agent.tell(order, **passed({}))
    told = ask_by_token(door, first["token"])
    assert (told["state"], told["result_message"]) == ("success", "Connection successfully tested")
    with tenant_scope(tenant.id):
        assert connections.get("db")["password"] == PASSWORD
    failing = door.post(ENQUEUE, {**BODY, "host": "other.example", "commit_on_success": True})
    [order] = agent.claim()
    agent.tell(order, status=False, message="no route")
    assert ask_by_token(door, failing["token"])["state"] == "failed"
    with tenant_scope(tenant.id):
        assert connections.get("db")["host"] == "db.example.com"


def test_what_came_too_late_changes_nothing(tenant: Tenant, member: Actor, agent: TestingAgent) -> None:
    token = member.v2().post(ENQUEUE, {**BODY, "commit_on_success": True})["token"]
    [order] = agent.claim()
    with tenant_scope(tenant.id):
        connection_tests.of_token(token, now=utc_now() + connection_tests.LIVES + timedelta(seconds=1))
    told = ask_by_token(member.v2(), token)
    assert told["state"] == "failed"
    assert "its agent did not tell" in told["result_message"]
    assert agent.tell(order, **passed({})) == "accepted"
    assert ask_by_token(member.v2(), token)["state"] == "failed"
    with tenant_scope(tenant.id):
        assert not connections.Connection.objects.exists()


def test_what_nobody_took_in_time_is_not_given_out(
    tenant: Tenant, member: Actor, agent: TestingAgent
) -> None:
    member.v2().post(ENQUEUE, BODY)
    with tenant_scope(tenant.id):
        ConnectionTest.objects.update(created_at=utc_now() - connection_tests.LIVES - timedelta(seconds=1))
    assert agent.claim() == []
    with tenant_scope(tenant.id):
        [row] = ConnectionTest.objects.all()
        assert (row.state, row.sealed) == ("failed", None)
        assert not Workload.objects.exists()


def test_without_an_agent_or_a_runtime_it_is_said_at_once(tenant: Tenant, member: Actor) -> None:
    answer = member.v2().post(PATH, BODY)
    assert (answer.status, answer["status"], "push a bundle" in answer["message"]) == (200, False, True)
    ready_runtime(tenant)
    for made in (None, "L1"):
        if made:
            TestingAgent(level=made)
        answer = member.v2().post(PATH, BODY)
        assert (answer.status, answer["status"]) == (200, False)
        assert "was not tested: no agent that can guard" in answer["message"]
    with tenant_scope(tenant.id):
        assert not ConnectionTest.objects.exists()


def test_whoever_waits_too_long_is_told(
    tenant: Tenant, member: Actor, agent: TestingAgent, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(testing, "WAIT_SECONDS", 0.0)
    answer = member.v2().post(PATH, BODY)
    assert (answer["status"], "no agent took the test" in answer["message"]) == (False, True)
    assert agent.claim() == [], "nobody waits for it any more"


def test_a_tenant_has_a_few_under_way(tenant: Tenant, member: Actor, agent: TestingAgent) -> None:
    for number in range(connection_tests.MOST_ACTIVE):
        assert member.v2().post(ENQUEUE, {**BODY, "connection_id": f"db-{number}"}).status == 202
    assert member.v2().post(ENQUEUE, BODY).status == 409
    assert "may be under way" in member.v2().post(PATH, BODY)["message"]


@pytest.mark.parametrize("word", ["Disabled", "Hidden"])
def test_the_operator_may_switch_it_off(
    tenant: Tenant, member: Actor, agent: TestingAgent, word: str
) -> None:
    with override_settings(TEST_CONNECTION=word):
        for path in (PATH, ENQUEUE):
            answer = member.v2().post(path, BODY)
            assert (answer.status, answer["detail"]) == (403, testing.DISABLED)


def test_a_tenant_asks_a_few_times_a_minute(
    tenant: Tenant, member: Actor, agent: TestingAgent, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(testing, "count_in_minute", lambda **_: testing.MOST_IN_MINUTE + 1)
    answer = member.v2().post(ENQUEUE, BODY)
    assert answer.status == 429
    assert 1 <= int(answer.headers["Retry-After"]) <= 60


@pytest.mark.parametrize(
    ("path", "change"),
    [
        (PATH, {"connection_id": "a b"}),
        (PATH, {"port": "high"}),
        (PATH, {"extra": "not json"}),
        (PATH, {"commit_on_success": True}),
        (ENQUEUE, {"commit_on_success": "perhaps"}),
        (ENQUEUE, {"executor": "KubernetesExecutor"}),
    ],
)
def test_malformed(
    tenant: Tenant, member: Actor, agent: TestingAgent, path: str, change: dict[str, Any]
) -> None:
    assert member.v2().post(path, {**BODY, **change}).status == 422
    assert member.v2().get(ENQUEUE).status == 422
    with tenant_scope(tenant.id):
        assert not ConnectionTest.objects.exists()


def test_a_rotation_under_way_does_not_lose_it(tenant: Tenant, member: Actor, agent: TestingAgent) -> None:
    member.v2().post(ENQUEUE, BODY)
    assert rotate_tenant(tenant_id=tenant.id).unreadable == 0
    [order] = agent.claim()
    assert order.connection_test is not None
    assert order.connection_test.connection["password"] == PASSWORD


def test_agents_that_are_lost_too_often_end_it(tenant: Tenant, member: Actor, agent: TestingAgent) -> None:
    token = member.v2().post(ENQUEUE, BODY)["token"]
    [order] = agent.claim()
    with tenant_scope(tenant.id, using="scheduler"):
        give_up = wiring.GIVE_UP[connection_tests.KIND]
        give_up(ref=UUID(order.id), reason="agent a was restarted", now=utc_now(), using="scheduler")
    told = ask_by_token(member.v2(), token)
    assert (told["state"], "agent a was restarted" in told["result_message"]) == ("failed", True)
    assert agent.claim() == []


def test_a_grant_reaches_its_own_connections_only(
    tenant: Tenant, member: Actor, viewer: Actor, agent: TestingAgent
) -> None:
    member.v2().post("/connections", BODY)
    member.v2().post("/connections", {**BODY, "connection_id": "other"})
    made = member.portal().post(
        "/tenants/alpha/grants",
        {"username": viewer.user.username, "kind": "connection", "name": "db", "level": "edit"},
    )
    assert made.status == 201, made.body
    masked = {"connection_id": "db", "conn_type": "postgres", "password": "***"}
    with agent.serving(passed):
        assert viewer.v2().post(PATH, masked)["status"] is True
    for name in ("other", "absent"):
        answer = viewer.v2().post(PATH, {**masked, "connection_id": name})
        assert (answer.status, answer.body) == (403, {"detail": "Forbidden"})
    assert len(agent.given) == 1
