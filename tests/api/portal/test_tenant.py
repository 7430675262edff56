"""GET /tenants/{slug}; its tokens; its runtimes."""

from __future__ import annotations

from collections.abc import Callable
from uuid import uuid4

import pytest

from controlplane.foundation.clock import utc_now
from tenants.models.tenant import Tenant
from tenants.tokens import verify_token
from tests.support.actors import Actor, Door
from tests.support.factories import created_run, ready_runtime


def test_the_tenant_in_numbers(tenant: Tenant, viewer: Actor) -> None:
    created_run(tenant)
    answer = viewer.portal().get("/tenants/alpha")
    assert answer.status == 200
    assert (answer["dags"], answer["running_runs"], answer["role"]) == (1, 0, "Viewer")
    assert "dags.edit" not in answer["permissions"]


@pytest.mark.parametrize("path", ["", "/tokens", "/runtimes", "/bundles", f"/runtimes/{uuid4()}"])
def test_a_stranger_hears_that_there_is_no_such_tenant(tenant: Tenant, stranger: Actor, path: str) -> None:
    real = stranger.portal().get(f"/tenants/alpha{path}")
    absent = stranger.portal().get(f"/tenants/nosuch{path}")
    assert (real.status, real["code"]) == (404, "not-found")
    assert real["detail"].replace("alpha", "nosuch") == absent["detail"]
    assert absent.status == 404


def test_a_token_of_another_tenants_airflow_opens_nothing_here(tenant: Tenant, member: Actor) -> None:
    # The member's Airflow token is good in their tenant only, also when they belong to several.
    token = member.v2().token
    assert Door(prefix="/api/portal/v1", token=token).get("/tenants/alpha").status == 200
    assert Door(prefix="/api/portal/v1", token=token).get("/tenants/omega").status == 404


def test_making_and_revoking_a_token(tenant: Tenant, member: Actor) -> None:
    made = member.portal().post("/tenants/alpha/tokens", {"name": "ci", "kind": "api", "role": "Viewer"})
    assert made.status == 201
    machine = Door(prefix="/t/alpha/api/v2", token=made["token"])
    assert machine.get("/dags").status == 200
    assert machine.post("/pools", {"name": "p", "slots": 1}).status == 403
    listed = member.portal().get("/tenants/alpha/tokens")["tokens"]
    assert made["id"] in [token["id"] for token in listed]
    assert made["token"] not in str(listed)
    assert member.portal().delete(f"/tenants/alpha/tokens/{made['id']}").status == 204
    assert machine.get("/dags").status == 403
    events = [entry["event"] for entry in member.v2().get("/eventLogs")["event_logs"]]
    assert events == ["create_token", "revoke_token"]


def test_nobody_gives_away_more_than_they_have(tenant: Tenant, actor: Callable[[str], Actor]) -> None:
    author, viewer = actor("Author"), actor("Viewer")
    answer = author.portal().post("/tenants/alpha/tokens", {"name": "x", "kind": "api", "role": "Op"})
    assert (answer.status, answer["code"]) == (422, "token-role-invalid")
    answer = viewer.portal().post("/tenants/alpha/tokens", {"name": "x", "kind": "api", "role": "Viewer"})
    assert (answer.status, answer["code"]) == (403, "permission-missing")


def test_tokens_of_others_are_out_of_an_authors_sight(tenant: Tenant, actor: Callable[[str], Actor]) -> None:
    author, admin = actor("Author"), actor("Admin")
    made = admin.portal().post("/tenants/alpha/tokens", {"name": "x", "kind": "git"})
    assert author.portal().get("/tenants/alpha/tokens")["tokens"] == []
    assert author.portal().delete(f"/tenants/alpha/tokens/{made['id']}").status == 403
    assert verify_token(text=made["token"], kind="git", now=utc_now()) is not None


def test_a_stranger_revokes_nothing(tenant: Tenant, member: Actor, stranger: Actor) -> None:
    made = member.portal().post("/tenants/alpha/tokens", {"name": "x", "kind": "git"})
    for place in ("alpha", "omega"):
        answer = stranger.portal().delete(f"/tenants/{place}/tokens/{made['id']}")
        assert (answer.status, answer["code"]) == (404, "not-found")
    assert verify_token(text=made["token"], kind="git", now=utc_now()) is not None


def test_runtimes(tenant: Tenant, viewer: Actor, stranger: Actor) -> None:
    row = ready_runtime(tenant)
    [listed] = viewer.portal().get("/tenants/alpha/runtimes")["runtimes"]
    assert (listed["state"], "log" in listed) == ("ready", False)
    assert viewer.portal().get(f"/tenants/alpha/runtimes/{row.id}")["digest"] == row.digest
    assert viewer.portal().get(f"/tenants/alpha/runtimes/{uuid4()}").status == 404
    assert stranger.portal().get(f"/tenants/omega/runtimes/{row.id}").status == 404
