"""/tenants/{slug}/deployments, their diffs, roll-back and mode: who may, who may not, who hears nothing."""

from __future__ import annotations

from uuid import uuid4

import pytest

from controlplane.foundation.clock import utc_now
from controlplane.ledger.models.deployment import Deployment
from controlplane.ledger.models.deployment_overlay import DeploymentOverlay
from controlplane.ledger.models.runtime import Runtime
from tenants.models.tenant import Tenant
from tenants.scope import tenant_scope
from tests.support.actors import Actor
from tests.support.bundles import dag_file, publish_files
from tests.support.deployments import push, states

pytestmark = pytest.mark.django_db(transaction=True)
AT = "/tenants/alpha/deployments"


def test_the_history_says_what_is_in_force_and_what_it_is_made_of(tenant: Tenant, viewer: Actor) -> None:
    push(tenant, "one", 1, message="first", source="git")
    push(tenant, "two", 2)
    listed = viewer.portal().get(AT)
    assert (listed["mode"], listed["pinned"]) == ("automatic", None)
    assert [(d["number"], d["state"]) for d in listed["deployments"]] == [(2, "active"), (1, "superseded")]
    first = viewer.portal().get(f"{AT}/1")
    assert (first["bundle"]["message"], first["reason"]) == ("first", "push")
    assert first["runtime"]["state"] == "ready"
    assert first["bound"] == {"variables": [], "connections": [], "pools": {}}
    only = viewer.portal().get(f"{AT}?state=superseded")["deployments"]
    assert [d["number"] for d in only] == [1]
    newest = viewer.portal().get(f"{AT}?limit=1")
    assert [d["number"] for d in newest["deployments"]] == [2]
    assert [d["number"] for d in viewer.portal().following(newest)["deployments"]] == [1]
    assert viewer.portal().get(f"{AT}?state=odd").status == 422
    assert viewer.portal().get(f"{AT}?limit=0").status == 422


def test_a_diff_names_files_requirements_and_names_of_values(
    tenant: Tenant, member: Actor, viewer: Actor
) -> None:
    push(tenant, "one", 1)
    push(tenant, "two", 2, more={"requirements.txt": b"humanize==4.9.0\n"})
    body = {"variables": {"region": "north", "city": "x"}, "pools": {"db": 4}}
    assert member.portal().post(AT, body).status == 201
    assert member.portal().post(AT, {"variables": {"region": "s3cret-south"}}).status == 201
    seen = viewer.portal().get(f"{AT}/2/diff")
    assert seen["files"] == {
        "added": ["requirements.txt"],
        "changed": ["dags/a.py", "lib/shared.py"],
        "removed": [],
    }
    assert seen["requirements"] == {"added": ["humanize==4.9.0"], "changed": [], "removed": []}
    assert "-V = 'one'\n+V = 'two'\n" in seen["unified"]
    values = viewer.portal().get(f"{AT}/4/diff")
    assert values["variables"] == {"added": [], "changed": ["region"], "removed": ["city"]}
    assert values["pools"] == {"added": [], "changed": [], "removed": []}
    assert "s3cret" not in str(values)
    across = viewer.portal().get(f"{AT}/4/diff?against=1")
    assert (across["older"], across["variables"]["added"]) == (1, ["region"])
    assert viewer.portal().get(f"{AT}/4/diff?against=99").status == 404
    assert viewer.portal().get(f"{AT}/4/diff?against=x").status == 404
    assert viewer.portal().get(f"{AT}/1/diff")["older"] is None


def test_bound_values_are_sealed_and_never_shown(tenant: Tenant, member: Actor) -> None:
    push(tenant, "one")
    made = member.portal().post(
        AT,
        {
            "variables": {"token": "v-s3cret"},
            "connections": {"db": {"conn_type": "postgres", "host": "db", "password": "c-s3cret"}},
        },
    )
    assert (made.status, made["state"], made["reason"]) == (201, "active", "person")
    assert made["bound"] == {"variables": ["token"], "connections": ["db"], "pools": {}}
    assert "s3cret" not in str(made.body)
    assert "s3cret" not in str(member.portal().get(AT).body)
    with tenant_scope(tenant.id):
        row = DeploymentOverlay.objects.get()
    assert b"s3cret" not in bytes(row.sealed)


def test_a_roll_back_is_one_call_and_over_when_it_answers(tenant: Tenant, member: Actor) -> None:
    push(tenant, "one", 1)
    push(tenant, "two", 2)
    answer = member.portal().post(f"{AT}/1/roll-back", {"message": "two was slow"})
    assert (answer.status, answer["state"], answer["of_number"]) == (201, "active", 1)
    assert states(tenant)[-1] == (3, "rollback", "active")
    assert member.portal().get("/tenants/alpha/dags/a").status in (200, 405)


def test_a_pin_keeps_pushes_away_until_it_is_lifted(tenant: Tenant, member: Actor) -> None:
    push(tenant, "one", 1)
    push(tenant, "two", 2)
    assert member.portal().post(f"{AT}/1/roll-back", {"pin": True})["number"] == 3
    assert member.portal().get("/tenants/alpha/deployment-mode").body == {
        "mode": "automatic",
        "pinned": 3,
        "canary": None,
    }
    push(tenant, "three", 3)
    assert states(tenant)[-1] == (3, "rollback", "active")
    lifted = member.portal().patch("/tenants/alpha/deployment-mode", {"pinned": None})
    assert lifted.body == {"mode": "automatic", "pinned": None, "canary": None}
    assert member.portal().patch("/tenants/alpha/deployment-mode", {"pinned": 1}).status == 422
    by_hand = member.portal().patch("/tenants/alpha/deployment-mode", {"mode": "manual"})
    assert by_hand.body == {"mode": "manual", "pinned": None, "canary": None}
    assert member.portal().patch("/tenants/alpha/deployment-mode", {"mode": "odd"}).status == 422


def test_another_runtime_is_another_deployment_of_the_same_files(tenant: Tenant, member: Actor) -> None:
    push(tenant, "one")
    with tenant_scope(tenant.id):
        other = Runtime.objects.create(
            tenant=tenant,
            digest="f" * 64,
            airflow="3.3.1",
            python="3.12",
            state="ready",
            created_at=utc_now(),
        )
    made = member.portal().post(AT, {"runtime_id": str(other.id)})
    # Nothing was parsed in it yet: it waits for that, and what is in force stays.
    assert (made.status, made["state"], made["runtime"]["airflow"]) == (201, "waiting", "3.3.1")
    assert [state for _, _, state in states(tenant)] == ["active", "waiting"]


def test_wrong_input_names_the_field_and_changes_nothing(tenant: Tenant, member: Actor) -> None:
    nothing = member.portal().post(AT, {})
    assert (nothing.status, nothing["code"], list(nothing["errors"])) == (
        422,
        "deployment-refused",
        ["bundle_id"],
    )
    push(tenant, "one")
    for body, field in (
        ({"bundle_id": str(uuid4())}, "bundle_id"),
        ({"bundle_id": "x"}, "bundle_id"),
        ({"runtime_id": str(uuid4())}, "runtime_id"),
        ({"variables": {"": "x"}}, "variables"),
        ({"variables": {"k" * 251: "x"}}, "variables"),
        ({"pools": {"db": -2}}, "pools"),
        ({"connections": {"db": {"host": "x"}}}, "connections"),
        ({"variables": {f"k{number}": "" for number in range(501)}}, "variables"),
    ):
        answer = member.portal().post(AT, body)
        assert (answer.status, list(answer["errors"])) == (422, [field]), body
    assert len(states(tenant)) == 1
    assert member.portal().post(f"{AT}/9/roll-back").status == 404
    assert member.portal().post(f"{AT}/99999999999/roll-back").status == 404


def test_what_never_was_in_force_cannot_be_rolled_back_to(tenant: Tenant, member: Actor) -> None:
    publish_files(tenant, {"dags/a.py": dag_file("a")})
    answer = member.portal().post(f"{AT}/1/roll-back")
    assert (answer.status, answer["code"]) == (409, "deployment-failed")
    assert len(states(tenant)) == 1


def test_who_may_look_may_not_deploy(tenant: Tenant, viewer: Actor) -> None:
    push(tenant, "one")
    for path, body in ((AT, {}), (f"{AT}/1/roll-back", {})):
        answer = viewer.portal().post(path, body)
        assert (answer.status, answer["code"]) == (403, "permission-missing")
    refused = viewer.portal().patch("/tenants/alpha/deployment-mode", {"mode": "manual"})
    assert (refused.status, refused["code"]) == (403, "permission-missing")
    assert states(tenant) == [(1, "upload", "active")]


def test_strangers_hear_what_they_hear_of_nothing(tenant: Tenant, stranger: Actor) -> None:
    push(tenant, "one")
    for method, path in (
        ("GET", "deployments"),
        ("POST", "deployments"),
        ("GET", "deployments/1"),
        ("GET", "deployments/1/diff"),
        ("POST", "deployments/1/roll-back"),
        ("GET", "deployment-mode"),
        ("PATCH", "deployment-mode"),
    ):
        there = stranger.portal().call(method, f"/tenants/alpha/{path}", {})
        nowhere = stranger.portal().call(method, f"/tenants/nowhere/{path}", {})
        assert (there.status, nowhere.status) == (404, 404), path
        assert there["detail"].replace("alpha", "nowhere") == nowhere["detail"]
    # In their own tenant, another tenant's bundle is absent.
    with tenant_scope(tenant.id):
        theirs = str(Deployment.objects.get().bundle_version_id)
    answer = stranger.portal().post("/tenants/omega/deployments", {"bundle_id": theirs})
    assert (answer.status, list(answer["errors"])) == (422, ["bundle_id"])
