"""GET, POST /variables; GET, PATCH, DELETE /variables/{variable_key}."""

from __future__ import annotations

import json

import pytest

from controlplane.ledger.models.variable import Variable
from controlplane.secrets import variables
from tenants.models.tenant import Tenant
from tenants.scope import tenant_scope
from tests.support.actors import Actor


@pytest.mark.parametrize(
    ("key", "value", "shown"),
    [
        ("plain", "some longer text", "some longer text"),
        ("db_password", "hunter2-and-more", "***"),
        ("config", {"api_key": "k", "size": 3}, json.dumps({"api_key": "***", "size": 3})),
        ("number", 1234567890123456, "1234567890123456"),
        ("folder/with/slashes", "an unmistakable value", "an unmistakable value"),
    ],
)
def test_values_are_sealed_and_telling_names_masked(
    tenant: Tenant, member: Actor, key: str, value: object, shown: str
) -> None:
    made = member.v2().post("/variables", {"key": key, "value": value, "description": "d"})
    assert (made.status, made["value"], made["is_encrypted"]) == (201, shown, True)
    assert member.v2().get(f"/variables/{key}").body == made.body
    with tenant_scope(tenant.id):
        stored = value if isinstance(value, str) else json.dumps(value, indent=2)
        assert variables.get(key) == stored
        assert stored.encode() not in bytes(Variable.objects.get(key=key).sealed)


def test_the_event_log_has_no_value(tenant: Tenant, member: Actor) -> None:
    member.v2().post("/variables", {"key": "k", "value": "very private"})
    member.v2().patch("/variables/k", {"key": "k", "value": "still private"})
    entries = member.v2().get("/eventLogs")["event_logs"]
    assert [entry["event"] for entry in entries] == ["post_variable", "patch_variable"]
    assert "private" not in str(entries)
    assert '"key": "k"' in entries[0]["extra"]


def test_a_patch_changes_what_the_mask_names(tenant: Tenant, member: Actor) -> None:
    member.v2().post("/variables", {"key": "k", "value": "one", "description": "first"})
    body = {"key": "k", "value": "two", "description": "second"}
    assert member.v2().patch("/variables/k", body, {"update_mask": "description"})["value"] == "one"
    assert member.v2().patch("/variables/k", {"key": "k", "value": "two"})["description"] == "second"
    assert member.v2().patch("/variables/k", {"key": "other", "value": "x"}).status == 400
    assert member.v2().patch("/variables/none", {"key": "none", "value": "x"}).status == 404


def test_refusals(member: Actor) -> None:
    assert member.v2().post("/variables", {"key": "k", "value": "v"}).status == 201
    assert member.v2().post("/variables", {"key": "k", "value": "v"}).status == 409
    assert member.v2().post("/variables", {"key": "", "value": "v"}).status == 400
    assert member.v2().post("/variables", {"key": "x" * 251, "value": "v"}).status == 422
    assert member.v2().post("/variables", {"key": "k2"}).status == 422
    assert member.v2().delete("/variables/k").status == 204
    assert member.v2().delete("/variables/k").status == 404


def test_viewers_see_none_and_strangers_no_tenant(
    tenant: Tenant, member: Actor, viewer: Actor, stranger: Actor
) -> None:
    member.v2().post("/variables", {"key": "k", "value": "v"})
    for path in ("/variables", "/variables/k"):
        assert viewer.v2().get(path).status == 403
        assert stranger.v2(at=tenant).get(path).body == {"detail": "Not Found"}
    assert stranger.v2().get("/variables")["total_entries"] == 0
    assert stranger.v2().delete("/variables/k").status == 404
    assert member.v2().get("/variables/k").status == 200


def test_order_and_pattern(member: Actor) -> None:
    for key in ("b", "a"):
        member.v2().post("/variables", {"key": key, "value": "v"})
    rows = member.v2().get("/variables", {"order_by": "-key"})["variables"]
    assert [row["key"] for row in rows] == ["b", "a"]
    assert member.v2().get("/variables", {"variable_key_pattern": "A"})["total_entries"] == 1
