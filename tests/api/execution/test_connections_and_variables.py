"""/connections/{id} and /variables/…: with their values, to tasks of their tenant only."""

from __future__ import annotations

import pytest

from controlplane.foundation.clock import utc_now
from controlplane.ledger.models.variable import Variable
from controlplane.secrets import connections, variables
from tenants.models.tenant import Tenant
from tenants.scope import tenant_scope
from tests.support.actors import Door
from tests.support.attempts import Try, queued_try, running_try


@pytest.fixture
def attempt(tenant: Tenant) -> Try:
    return running_try(tenant)


@pytest.fixture
def door(attempt: Try) -> Door:
    return attempt.door()


def test_connection(attempt: Try) -> None:
    with tenant_scope(attempt.tenant.id):
        connections.put(
            conn_id="db", conn_type="postgres", host="h", login="l", password="p", schema="s", port=5432,
            extra='{"sslmode": "require"}', now=utc_now(),
        )  # fmt: skip
    assert attempt.door().get("connections/db").body == {
        "conn_id": "db",
        "conn_type": "postgres",
        "host": "h",
        "schema": "s",
        "login": "l",
        "password": "p",
        "port": 5432,
        "extra": '{"sslmode": "require"}',
    }


def test_connection_unknown(door: Door) -> None:
    answer = door.get("connections/nope")
    assert answer.status == 404
    assert answer["detail"] == {"reason": "not_found", "message": "Connection with ID nope not found"}


def test_same_names_in_two_tenants(attempt: Try, other_tenant: Tenant) -> None:
    for tenant, secret in ((attempt.tenant, "mine"), (other_tenant, "theirs")):
        with tenant_scope(tenant.id):
            connections.put(conn_id="db", conn_type="http", password=secret, now=utc_now())
            variables.put(key="k", value=secret, description=None, now=utc_now())
    assert attempt.door().get("connections/db")["password"] == "mine"
    assert attempt.door().get("variables/k")["value"] == "mine"
    stranger = running_try(other_tenant).door()
    assert stranger.get("connections/db")["password"] == "theirs"
    assert stranger.get("variables/k")["value"] == "theirs"


def test_before_the_start(tenant: Tenant) -> None:
    """Airflow's supervisor reads the connection for remote logs before it starts the task."""
    waiting = queued_try(tenant)
    assert waiting.door().get("connections/nope").status == 404
    assert waiting.door().call("PUT", "variables/k", {"val": "v"}).status == 403


def test_variable_walk(door: Door) -> None:
    answer = door.call("PUT", "variables/a/b c", {"val": "1", "description": "d"})
    assert (answer.status, answer.body) == (201, {"message": "Variable successfully set"})
    assert door.get("variables/a/b c").body == {"key": "a/b c", "value": "1"}
    assert door.call("PUT", "variables/a/b c", {"val": "2"}).status == 201
    assert door.get("variables/a/b c")["value"] == "2"
    assert door.delete("variables/a/b c").status == 204
    assert door.delete("variables/a/b c").status == 204
    answer = door.get("variables/a/b c")
    assert answer["detail"] == {
        "reason": "not_found",
        "message": "Variable with key 'a/b c' not found",
    }


def test_null_value_is_the_text_none(door: Door) -> None:
    door.call("PUT", "variables/k", {"val": None})
    assert door.get("variables/k")["value"] == "None"


def test_variable_is_sealed(attempt: Try) -> None:
    attempt.door().call("PUT", "variables/k", {"val": "plain-text-value"})
    with tenant_scope(attempt.tenant.id):
        assert b"plain-text-value" not in bytes(Variable.objects.get(key="k").sealed)


def test_keys(door: Door) -> None:
    for key in ("b", "a_1", "a%2", "A"):
        door.call("PUT", f"variables/{key.replace('%', '%25')}", {"val": "v"})
    assert door.get("variables/keys").body == {"keys": sorted(["b", "a_1", "a%2", "A"]), "total_entries": 4}
    assert door.get("variables/keys", {"prefix": "a"}).body == {"keys": ["a%2", "a_1"], "total_entries": 2}
    assert door.get("variables/keys", {"prefix": "a%"})["total_entries"] == 1, "% is no wildcard"
    assert door.get("variables/keys", {"limit": 1, "offset": 1}).body == {"keys": ["a%2"], "total_entries": 4}
    assert door.get("variables/keys", {"limit": 1, "offset": 9}).body == {"keys": [], "total_entries": 4}
    for wrong in ({"limit": 0}, {"limit": 10_001}, {"offset": -1}, {"limit": "x"}):
        assert door.get("variables/keys", wrong).status == 422


@pytest.mark.parametrize("body", [{}, {"val": 1}, {"value": "v"}, {"val": "v", "key": "k"}, "v"])
def test_variable_malformed(door: Door, body: object) -> None:
    assert door.call("PUT", "variables/k", body).status == 422


def test_long_key(door: Door) -> None:
    assert door.call("PUT", f"variables/{'k' * 251}", {"val": "v"}).status == 422
    assert door.get(f"variables/{'k' * 251}").status == 404
    assert door.get("variables/a%00b").status == 422
