"""Trials of deployments through the portal: for one, or for every one; who may ask, and what wrong input hears."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from controlplane.foundation.clock import utc_now
from controlplane.ledger.models.canary import Canary
from tenants.models.role import Role
from tenants.models.tenant import Tenant
from tenants.scope import tenant_scope
from tests.support.actors import Actor
from tests.support.audit_rows import audit_rows
from tests.support.deployments import push, states

pytestmark = pytest.mark.django_db(transaction=True)
AT, MODE = "/tenants/alpha/deployments", "/tenants/alpha/deployment-mode"
SMOKE = {"dag_id": "a", "conf": {"only": "smoke"}, "seconds": 120, "on_failure": "mark"}


def test_one_deployment_is_tried_as_asked(tenant: Tenant, member: Actor, viewer: Actor) -> None:
    push(tenant, "one")
    made = member.portal().post(AT, {"variables": {"x": "1"}, "canary": SMOKE})
    assert (made.status, made["state"]) == (201, "active")
    assert made["canary"] == {
        "state": "waiting",
        "dag_id": "a",
        "run_id": "",
        "seconds": 120,
        "on_failure": "mark",
        "message": "",
        "rolled_back_by": None,
        "started_at": None,
        "ended_at": None,
    }
    seen = viewer.portal().get(AT)["deployments"]
    assert [(one["number"], (one["canary"] or {}).get("state")) for one in seen] == [
        (2, "waiting"),
        (1, None),
    ]
    assert viewer.portal().get(f"{AT}/2")["canary"]["dag_id"] == "a"
    # Another one is not tried, nor is a roll-back.
    assert member.portal().post(AT, {"variables": {"x": "2"}})["canary"] is None
    assert member.portal().post(f"{AT}/2/roll-back")["canary"] is None


def test_every_deployment_is_tried_when_the_mode_says_so(tenant: Tenant, member: Actor) -> None:
    push(tenant, "one")
    set_ = member.portal().patch(MODE, {"canary": {"dag_id": "a"}})
    wanted = {"dag_id": "a", "conf": {}, "seconds": 600, "on_failure": "roll_back"}
    assert (set_.status, set_["canary"], set_["mode"]) == (200, wanted, "automatic")
    assert member.portal().get(MODE)["canary"] == wanted
    push(tenant, "two")
    assert member.portal().get(f"{AT}/2")["canary"]["state"] == "waiting"
    assert member.portal().post(AT, {"canary": None, "variables": {"x": "1"}})["canary"] is None
    # What is not named stays.
    assert member.portal().patch(MODE, {"mode": "manual"})["canary"] == wanted
    assert member.portal().patch(MODE, {"canary": None})["canary"] is None
    changed = audit_rows(tenant, action="deployments.mode.changed")
    assert [row["after"]["canary"] for row in changed] == [wanted, wanted, None]


def test_wrong_input_names_the_field_and_changes_nothing(tenant: Tenant, member: Actor) -> None:
    push(tenant, "one")
    for canary in (
        {"dag_id": "nowhere"},
        {"dag_id": "a", "seconds": 5},
        {"dag_id": "a", "on_failure": "odd"},
        {"dag_id": "x" * 251},
        {"conf": {"x": 1}},
        {"dag_id": "a", "conf": {"x": "\0"}},
        {"dag_id": "a", "conf": {"x": "y" * 70_000}},
        {"dag_id": "a", "conf": [1]},
        "a",
    ):
        for method, at in (("POST", AT), ("PATCH", MODE)):
            answer = member.portal().call(method, at, {"canary": canary})
            assert answer.status == 422, (method, canary, answer.body)
            assert any(name.startswith("canary") for name in answer["errors"]), answer.body
    assert states(tenant) == [(1, "upload", "active")]
    assert member.portal().get(MODE)["canary"] is None
    with tenant_scope(tenant.id):
        assert Canary.objects.count() == 0


def test_before_anything_is_in_force_the_dag_is_not_known(tenant: Tenant, member: Actor) -> None:
    assert member.portal().patch(MODE, {"canary": {"dag_id": "to-come"}}).status == 200


def test_who_may_not_run_may_not_have_a_run_made(tenant: Tenant, actor: Callable[[str], Actor]) -> None:
    """Deploying is one right, running another: the one without the other may only have imports looked at."""
    push(tenant, "one")
    with tenant_scope(tenant.id):
        Role.objects.create(
            tenant=tenant,
            name="deployer",
            permissions=["bundles.read", "deployments.edit"],
            created_at=utc_now(),
            changed_at=utc_now(),
        )
    deployer = actor("deployer")
    for method, at in (("POST", AT), ("PATCH", MODE)):
        refused = deployer.portal().call(method, at, {"canary": {"dag_id": "a"}})
        assert (refused.status, refused["code"]) == (403, "permission-missing")
        assert "runs.edit" in refused["detail"]
    assert deployer.portal().patch(MODE, {"canary": {}}).status == 200
    assert states(tenant) == [(1, "upload", "active")]


def test_a_viewer_may_not_and_a_stranger_hears_nothing(
    tenant: Tenant, viewer: Actor, stranger: Actor
) -> None:
    push(tenant, "one")
    for method, at in (("POST", AT), ("PATCH", MODE)):
        assert viewer.portal().call(method, at, {"canary": SMOKE}).status == 403
        there = stranger.portal().call(method, at, {"canary": SMOKE})
        nowhere = stranger.portal().call(method, at.replace("alpha", "nowhere"), {"canary": SMOKE})
        assert (there.status, nowhere.status) == (404, 404)
        assert there["detail"].replace("alpha", "nowhere") == nowhere["detail"]
    with tenant_scope(tenant.id):
        assert Canary.objects.count() == 0
