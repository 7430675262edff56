"""Roles of a tenant's own: GET, POST /tenants/{slug}/roles; GET, PATCH, DELETE …/{name}."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from tenants.models.membership import Membership
from tenants.models.role import Role
from tenants.models.tenant import Tenant
from tenants.permissions import ALL, PERMISSIONS
from tenants.scope import tenant_scope
from tests.support.actors import Actor

ROLES = "/tenants/alpha/roles"
PUSHER = {"name": "Pusher", "permissions": ["dags.read", "bundles.push"]}


def give(actor: Actor, role: str) -> None:
    Membership.objects.using("auth").filter(user_id=actor.user.id, tenant_id=actor.tenant.id).update(
        role=role
    )


def test_the_published_list(member: Actor) -> None:
    shown = member.portal().get("/permissions")
    assert {row["name"]: row["about"] for row in shown["permissions"]} == ALL


def test_a_role_of_ones_own_counts_at_every_door_and_a_change_with_the_next_request(
    tenant: Tenant, member: Actor, viewer: Actor
) -> None:
    made = member.portal().post(ROLES, {**PUSHER, "description": "CI"})
    assert (made.status, made["permissions"], made["is_built_in"]) == (
        201,
        ["bundles.push", "dags.read"],
        False,
    )
    give(viewer, "Pusher")
    assert viewer.v2().get("/dags").status == 200
    assert viewer.v2().get("/pools").status == 403
    assert viewer.portal().get("/tenants/alpha/runtimes").status == 403
    changed = member.portal().patch(f"{ROLES}/Pusher", {"permissions": ["pools.read"]})
    assert (changed.status, changed["description"]) == (200, "CI")
    assert viewer.v2().get("/pools").status == 200
    assert viewer.v2().get("/dags").status == 403


def test_the_list_has_the_built_in_ones_first(tenant: Tenant, member: Actor, viewer: Actor) -> None:
    member.portal().post(ROLES, PUSHER)
    listed = viewer.portal().get(ROLES)["roles"]
    assert [row["name"] for row in listed] == [*PERMISSIONS, "Pusher"]
    assert viewer.portal().get(f"{ROLES}/Pusher")["permissions"] == ["bundles.push", "dags.read"]
    assert viewer.portal().get(f"{ROLES}/Op")["permissions"] == sorted(PERMISSIONS["Op"])
    assert viewer.portal().get(f"{ROLES}/Nobody").status == 404


@pytest.mark.parametrize(
    ("body", "code"),
    [
        ({"name": "X"}, "malformed"),
        ({**PUSHER, "name": "!"}, "role-invalid"),
        ({**PUSHER, "name": "viewer"}, "role-taken"),
        ({**PUSHER, "permissions": ["dags.fly"]}, "role-invalid"),
        ({**PUSHER, "permissions": "dags.read"}, "malformed"),
        ({**PUSHER, "permissions": ["tenant.delete"]}, "role-beyond"),
    ],
)
def test_what_is_wrong_is_said_and_nothing_is_made(
    tenant: Tenant, member: Actor, body: Any, code: str
) -> None:
    answer = member.portal().post(ROLES, body)
    assert (400 <= answer.status < 500, answer["code"]) == (True, code)
    with tenant_scope(tenant.id):
        assert not Role.objects.exists()


def test_nobody_makes_changes_or_gives_a_role_beyond_their_own(
    tenant: Tenant, member: Actor, actor: Callable[[str], Actor]
) -> None:
    owner = actor("Owner")
    assert owner.portal().post(ROLES, {"name": "Ender", "permissions": ["tenant.delete"]}).status == 201
    for change in ({"permissions": ["dags.read"]}, {"description": "mine"}):
        answer = member.portal().patch(f"{ROLES}/Ender", change)
        assert (answer.status, answer["code"]) == (403, "role-beyond")
    someone = actor("Viewer")
    path = f"/tenants/alpha/members/{someone.user.id}"
    assert member.portal().patch(path, {"role": "Ender"})["code"] == "role-beyond"
    assert owner.portal().patch(path, {"role": "Ender"}).status == 200


def test_a_role_in_use_is_not_deleted_and_says_by_whom(tenant: Tenant, member: Actor, viewer: Actor) -> None:
    member.portal().post(ROLES, PUSHER)
    give(viewer, "Pusher")
    made = member.portal().post("/tenants/alpha/service-accounts", {"name": "ci", "role": "Pusher"})
    assert made.status == 201
    answer = member.portal().delete(f"{ROLES}/Pusher")
    assert (answer.status, answer["code"]) == (409, "role-in-use")
    assert answer["used_by"] == {"members": [str(viewer.user.id)], "service_accounts": ["ci"], "tokens": []}
    give(viewer, "Viewer")
    member.portal().delete(f"/tenants/alpha/service-accounts/{made['id']}")
    assert member.portal().delete(f"{ROLES}/Pusher").status == 204
    assert member.portal().delete(f"{ROLES}/Pusher").status == 404
    assert member.portal().delete(f"{ROLES}/Viewer").status == 404


def test_a_role_that_is_gone_opens_nothing(tenant: Tenant, viewer: Actor) -> None:
    give(viewer, "Gone")
    assert viewer.v2().get("/dags").status == 403


def test_other_roles_and_strangers(tenant: Tenant, member: Actor, viewer: Actor, stranger: Actor) -> None:
    member.portal().post(ROLES, PUSHER)
    assert viewer.portal().post(ROLES, PUSHER)["code"] == "permission-missing"
    assert viewer.portal().delete(f"{ROLES}/Pusher")["code"] == "permission-missing"
    for method, path in (
        ("GET", ROLES),
        ("POST", ROLES),
        ("PATCH", f"{ROLES}/Pusher"),
        ("DELETE", f"{ROLES}/Pusher"),
    ):
        assert stranger.portal().call(method, path, None if method == "GET" else PUSHER).status == 404
    assert stranger.portal().get("/tenants/omega/roles/Pusher").status == 404
    with tenant_scope(tenant.id):
        assert Role.objects.count() == 1
