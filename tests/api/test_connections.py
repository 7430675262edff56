"""GET, POST /connections; GET, PATCH, DELETE /connections/{connection_id}."""

from __future__ import annotations

import json

import pytest

from controlplane.secrets import connections
from tenants.models.tenant import Tenant
from tenants.scope import tenant_scope
from tests.support.actors import Actor

BODY = {
    "connection_id": "db",
    "conn_type": "postgres",
    "host": "db.example.com",
    "login": "etl",
    "password": "s3cret-password",
    "schema": "public",
    "port": 5432,
    "extra": json.dumps({"sslmode": "require", "token": "t0ken"}),
}


def test_secrets_never_come_back(tenant: Tenant, member: Actor) -> None:
    made = member.v2().post("/connections", BODY)
    assert made.status == 201
    assert made["password"] == "***"
    assert json.loads(made["extra"]) == {"sslmode": "require", "token": "***"}
    listed = member.v2().get("/connections")
    log = member.v2().get("/eventLogs")
    for answer in (made, listed, log):
        assert "s3cret" not in str(answer.body) and "t0ken" not in str(answer.body)
    with tenant_scope(tenant.id):
        assert connections.get("db")["password"] == "s3cret-password"


def test_masked_secrets_that_come_back_change_nothing(tenant: Tenant, member: Actor) -> None:
    shown = member.v2().post("/connections", BODY)
    edited = {name: value for name, value in shown.body.items() if name != "team_name"}
    extra = json.dumps({**json.loads(shown["extra"]), "sslmode": "disable"})
    assert member.v2().patch("/connections/db", {**edited, "host": "other", "extra": extra}).status == 200
    with tenant_scope(tenant.id):
        held = connections.get("db")
    assert (held["host"], held["password"]) == ("other", "s3cret-password")
    assert json.loads(held["extra"]) == {"sslmode": "disable", "token": "t0ken"}


def test_a_patch_leaves_alone_what_it_does_not_name(tenant: Tenant, member: Actor) -> None:
    member.v2().post("/connections", BODY)
    member.v2().patch("/connections/db", {"connection_id": "db", "conn_type": "mysql"})
    body = {"connection_id": "db", "conn_type": "x", "port": 1, "password": None}
    answer = member.v2().patch("/connections/db", body, {"update_mask": ["port", "password"]})
    assert (answer["conn_type"], answer["port"], answer["host"]) == ("mysql", 1, "db.example.com")
    assert answer["password"] is None
    assert member.v2().patch("/connections/db", {**BODY, "connection_id": "x"}).status == 400
    assert member.v2().patch("/connections/none", {**BODY, "connection_id": "none"}).status == 404


@pytest.mark.parametrize(
    "change",
    [
        {"connection_id": "a b"},
        {"connection_id": "../x"},
        {"connection_id": "x" * 201},
        {"conn_type": None},
        {"port": "high"},
        {"extra": "not json"},
        {"extra": "[1]"},
        {"team_name": "red"},
    ],
)
def test_malformed_connections(member: Actor, change: dict[str, object]) -> None:
    assert member.v2().post("/connections", {**BODY, **change}).status == 422
    assert member.v2().get("/connections")["total_entries"] == 0


def test_ids_are_taken_once_and_freed(member: Actor) -> None:
    assert member.v2().post("/connections", BODY).status == 201
    assert member.v2().post("/connections", BODY)["detail"]["reason"] == "Unique constraint violation"
    assert member.v2().delete("/connections/db").status == 204
    assert member.v2().delete("/connections/db").status == 404


def test_viewers_see_none_and_strangers_no_tenant(
    tenant: Tenant, member: Actor, viewer: Actor, stranger: Actor
) -> None:
    member.v2().post("/connections", BODY)
    for path in ("/connections", "/connections/db"):
        assert viewer.v2().get(path).status == 403
        assert stranger.v2(at=tenant).get(path).body == {"detail": "Not Found"}
    assert stranger.v2().get("/connections")["total_entries"] == 0
    assert stranger.v2().delete("/connections/db").status == 404
    assert member.v2().get("/connections", {"connection_id_pattern": "D"})["total_entries"] == 1
