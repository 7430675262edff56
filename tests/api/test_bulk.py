"""PATCH /pools, /variables and /connections: many in one request, alike for the three."""

from __future__ import annotations

from typing import Any

import pytest

from controlplane.secrets import connections, variables
from tenants.models.tenant import Tenant
from tenants.scope import tenant_scope
from tests.support.actors import Actor, Answer

KINDS = {
    "/pools": ("name", {"slots": 1}, {"slots": 5}, "The pools with these pool names: {} "),
    "/variables": ("key", {"value": "one"}, {"value": "two"}, "The variables with these keys: {} "),
    "/connections": (
        "connection_id",
        {"conn_type": "http", "host": "one"},
        {"conn_type": "http", "host": "two"},
        "The connections with these connection_ids: {} ",
    ),
}


def _bulk(actor: Actor, path: str, *actions: dict[str, Any], at: Tenant | None = None) -> Answer:
    return actor.v2(at=at).patch(path, {"actions": list(actions)})


def _done(*names: str) -> dict[str, Any]:
    return {"success": list(names), "errors": []}


@pytest.mark.parametrize("path", KINDS)
def test_made_changed_and_deleted_in_their_order(member: Actor, path: str) -> None:
    name, first, second, _ = KINDS[path]
    answer = _bulk(
        member,
        path,
        {"action": "create", "entities": [{name: "a", **first}, {name: "b", **first}]},
        {"action": "update", "entities": [{name: "a", **second}]},
        {"action": "delete", "entities": ["b"]},
    )
    assert (answer.status, answer.body) == (
        200,
        {"create": _done("a", "b"), "update": _done("a"), "delete": _done("b")},
    )
    held = member.v2().get(f"{path}/a").body
    assert {key: held[key] for key in second} == second
    assert member.v2().get(f"{path}/b").status == 404
    events = [entry["event"] for entry in member.v2().get("/eventLogs")["event_logs"]]
    assert events == [f"bulk_{path[1:]}"]


@pytest.mark.parametrize("path", KINDS)
def test_what_exists(member: Actor, path: str) -> None:
    name, first, second, told = KINDS[path]
    both = [{name: "a", **second}, {name: "b", **second}]
    member.v2().post(path, {name: "a", **first})
    create = {"action": "create", "entities": both}
    refused = _bulk(member, path, create)["create"]
    assert refused["success"] == []
    assert refused["errors"] == [{"error": told.format({"a"}) + "already exist.", "status_code": 409}]
    assert member.v2().get(f"{path}/b").status == 404
    assert _bulk(member, path, {**create, "action_on_existence": "skip"})["create"] == _done("b")
    untouched = member.v2().get(f"{path}/a").body
    assert {key: untouched[key] for key in first} == first
    assert _bulk(member, path, {**create, "action_on_existence": "overwrite"})["create"] == _done("a", "b")
    written = member.v2().get(f"{path}/a").body
    assert {key: written[key] for key in second} == second


@pytest.mark.parametrize("path", KINDS)
@pytest.mark.parametrize("action", ["update", "delete"])
def test_what_does_not_exist(member: Actor, path: str, action: str) -> None:
    name, first, second, told = KINDS[path]
    member.v2().post(path, {name: "a", **first})
    body = {"action": action, "entities": [{name: "a", **second}, {name: "none", **second}]}
    refused = _bulk(member, path, body)[action]
    assert refused["errors"] == [{"error": told.format({"none"}) + "were not found.", "status_code": 404}]
    assert member.v2().get(f"{path}/a").status == 200
    assert _bulk(member, path, {**body, "action_on_non_existence": "skip"})[action] == _done("a")


def test_the_mask_and_the_rest_of_a_connection(tenant: Tenant, member: Actor) -> None:
    made = {"connection_id": "c", "conn_type": "http", "host": "h", "password": "s3cret", "extra": '{"t": 1}'}
    member.v2().post("/connections", made)
    change = {"connection_id": "c", "conn_type": "ftp", "host": "other", "password": "***"}
    _bulk(member, "/connections", {"action": "update", "entities": [change], "update_mask": ["host"]})
    with tenant_scope(tenant.id):
        held = connections.get("c")
    assert (held["conn_type"], held["host"], held["password"], held["extra"]) == (
        "http",
        "other",
        "s3cret",
        '{"t": 1}',
    )


def test_variables_keep_their_keys_and_values(tenant: Tenant, member: Actor) -> None:
    member.v2().post("/variables", {"key": "k", "value": "v", "description": "old"})
    change = {"key": "k", "value": {"n": 1}, "description": "new"}
    _bulk(member, "/variables", {"action": "update", "entities": [change], "update_mask": ["description"]})
    with tenant_scope(tenant.id):
        assert variables.get("k") == "v"
    assert member.v2().get("/variables/k")["description"] == "new"
    refused = _bulk(member, "/variables", {"action": "update", "entities": [change], "update_mask": ["key"]})
    assert [error["status_code"] for error in refused["update"]["errors"]] == [400]


def test_the_default_pool_stays(member: Actor) -> None:
    refused = _bulk(member, "/pools", {"action": "delete", "entities": ["default_pool"]})["delete"]
    assert (refused["success"], refused["errors"][0]["status_code"]) == ([], 400)
    rename = {"name": "default_pool", "slots": 3, "description": "mine"}
    assert _bulk(member, "/pools", {"action": "update", "entities": [rename]})["update"]["success"] == []
    assert member.v2().get("/pools/default_pool")["slots"] == 128


@pytest.mark.parametrize("path", KINDS)
@pytest.mark.parametrize(
    "body", [{}, {"actions": [{}]}, {"actions": [{"action": "replace", "entities": []}]}, {"actions": 1}]
)
def test_malformed(member: Actor, path: str, body: dict[str, Any]) -> None:
    assert member.v2().patch(path, body).status == 422


@pytest.mark.parametrize("path", KINDS)
def test_who_may_not(tenant: Tenant, member: Actor, viewer: Actor, stranger: Actor, path: str) -> None:
    name, first, _, _ = KINDS[path]
    member.v2().post(path, {name: "a", **first})
    delete = {"action": "delete", "entities": ["a"]}
    assert _bulk(viewer, path, delete).status == 403
    assert _bulk(stranger, path, delete, at=tenant).body == {"detail": "Not Found"}
    assert _bulk(stranger, path, delete)["delete"]["errors"][0]["status_code"] == 404
    assert member.v2().get(f"{path}/a").status == 200
