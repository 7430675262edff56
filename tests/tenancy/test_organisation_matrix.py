"""Every role in an organisation at every endpoint of organisations: the paths are the resolver's, the answers are those
of real requests. And every change there leaves a row in the platform's chain, with before and after.

What an endpoint asks for is heard by listening to the access itself while an Owner knocks, as in `test_matrix`.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any
from uuid import UUID

import pytest

from tenants.models.organisation import Organisation
from tenants.models.organisation_member import ORGANISATION_ROLES, OrganisationMember
from tenants.models.tenant import Tenant
from tenants.models.user import User
from tenants.organisation_permissions import ORGANISATION_ALL, ORGANISATION_PERMISSIONS
from tenants.organisations import OrganisationAccess
from tests.api.portal.people.test_sign_in_policy import add_key
from tests.support.actors import Actor, Answer, Door
from tests.support.audit_rows import audit_rows, platform_rows
from tests.support.factories import make_person
from tests.tenancy.test_matrix import address
from tests.tenancy.test_routes import METHODS, clean, raw_paths

BELOW = "api/portal/v1/organisations/<organisation_id>"
LEAVING = f"DELETE {BELOW}/people/<user_id>"
PASSWORD = "seven tall ships"


@dataclass(frozen=True)
class Operation:
    """`asked`: the permissions it asked an Owner for, in that order."""

    method: str
    path: str
    asked: tuple[str, ...]

    @property
    def name(self) -> str:
        return f"{self.method} {clean(self.path)}"


class People:
    """Somebody in each role of the organisation that owns `tenant`."""

    def __init__(self, tenant: Tenant) -> None:
        self.organisation_id = tenant.organisation_id
        rows = OrganisationMember.objects.using("auth")
        self.doors: dict[str, Door] = {}
        for role in ORGANISATION_ROLES:
            user = make_person(None, PASSWORD)
            row = OrganisationMember(organisation_id=self.organisation_id, user=user, role=role)
            row.save(using="auth", force_insert=True)
            portal = Actor(user=user, tenant=tenant, role=role).portal()
            self.doors[role] = Door(prefix="", token=portal.token)
        assert rows.filter(organisation_id=self.organisation_id).count() == len(ORGANISATION_ROLES) + 1

    def knock(self, role: str, method: str, path: str) -> Answer:
        return self.doors[role].call(
            method, place(path, self.organisation_id), None if method == "GET" else {}
        )


def place(path: str, organisation_id: UUID) -> str:
    """Of this organisation, and of nobody and nothing in it: who may ask is asked before it is looked for."""
    return address(path.replace("<uuid:organisation_id>", str(organisation_id)), "absent")


def paths() -> list[str]:
    return [path for path in raw_paths() if clean(path).startswith(BELOW)]


@pytest.fixture
def people(tenant: Tenant) -> People:
    return People(tenant)


@pytest.fixture
def heard(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """What was asked of an access since it was emptied."""
    found: list[str] = []
    ask = OrganisationAccess.may

    def listening(access: OrganisationAccess, permission: str) -> bool:
        found.append(permission)
        return ask(access, permission)

    monkeypatch.setattr(OrganisationAccess, "may", listening)
    return found


def operations(heard: list[str], people: People) -> tuple[list[Operation], list[str]]:
    """What there is to ask for, as an Owner finds it; and the endpoints that ask for nothing."""
    found, silent = [], []
    for path in paths():
        for method in METHODS:
            heard.clear()
            answer = people.knock("Owner", method, path)
            if answer.status == 405:
                continue
            if heard:
                found.append(Operation(method, path, tuple(dict.fromkeys(heard))))
            else:
                silent.append(f"{method} {clean(path)}: {answer.status}")
    return found, silent


def test_each_role_gets_what_the_table_says_and_no_endpoint_asks_for_nothing(
    heard: list[str], people: People
) -> None:
    found, silent = operations(heard, people)
    assert not silent, "endpoints without a permission:\n" + "\n".join(silent)
    assert len(found) > 15
    wrong = [f"{one.name}: {name}" for one in found for name in one.asked if name not in ORGANISATION_ALL]
    for one in found:
        for role in reversed(ORGANISATION_ROLES):
            heard.clear()
            answer = people.knock(role, one.method, one.path)
            refused = [name for name in heard if name not in ORGANISATION_PERMISSIONS[role]]
            fine = answer.status == 403 if refused else answer.status != 403
            if not fine or answer.status in (401, 405) or answer.status >= 500 or one.asked[0] not in heard:
                wrong.append(f"{role}: {one.name} {one.asked}: {answer.status}")
    assert not wrong, "\n".join(wrong)
    assert Organisation.objects.using("auth").filter(id=people.organisation_id).exists()


def test_no_change_asks_only_for_permissions_to_read(heard: list[str], people: People) -> None:
    found, _ = operations(heard, people)
    reads = {
        one.name
        for one in found
        if one.method != "GET" and all(name.endswith((".read", ".list", ".audit")) for name in one.asked)
    }
    assert reads <= {LEAVING}, reads


def test_a_stranger_hears_what_is_said_of_an_absent_organisation(tenant: Tenant, stranger: Actor) -> None:
    door, wrong = Door(prefix="", token=stranger.portal().token), []
    absent = UUID(int=9)
    assert len(paths()) > 8
    for path in paths():
        for method in METHODS:
            body = None if method == "GET" else {}
            here = door.call(method, place(path, tenant.organisation_id), body)
            there = door.call(method, place(path, absent), body)
            same = str(here.body).replace(str(tenant.organisation_id), str(absent)) == str(there.body)
            if here.status not in (404, 405) or here.status != there.status or not same:
                wrong.append(f"{method} {clean(path)}: {here.status}, of an absent one {there.status}")
    assert not wrong, "\n".join(wrong)


def test_the_ear_would_hear_a_missing_question(heard: list[str], people: People) -> None:
    """The negative control: a view that asks for nothing is told from one that asks."""
    assert people.doors["Owner"].get(f"/api/portal/v1/organisations/{people.organisation_id}").status == 200
    assert heard == ["organisation.read"]
    heard.clear()
    assert people.doors["Owner"].get("/api/portal/v1/organisations").status == 200
    assert heard == []


class Deeds:
    """One of each change, in an order in which all can be done. Each gives the row's `before` and `after`."""

    def __init__(self, tenant: Tenant) -> None:
        row = OrganisationMember.objects.using("auth").get(
            organisation_id=tenant.organisation_id, role="Owner"
        )
        row.user.set_password(PASSWORD)
        row.user.save(using="auth")
        self.tenant, self.owner = tenant, row.user
        self.door = Actor(user=row.user, tenant=tenant, role="").portal()
        self.base = f"/organisations/{tenant.organisation_id}"

    def do(self, method: str, path: str, body: Any = None) -> Answer:
        answer = self.door.call(method, f"{self.base}{path}", body)
        assert answer.status < 300, (method, path, answer.body)
        return answer

    def rename(self) -> tuple[str, Any, Any]:
        before = Organisation.objects.using("auth").get(id=self.tenant.organisation_id).name
        self.do("PATCH", "", {"name": "Initech"})
        return "organisation.renamed", {"name": before}, {"name": "Initech"}

    def require(self) -> tuple[str, Any, Any]:
        add_key(self.door)
        self.do("PUT", "/sign-in-policy", {"require_second_factor": True})
        return "sign_in_policy.changed", {"require_second_factor": False}, {"require_second_factor": True}

    def make_tenant(self) -> tuple[str, Any, Any]:
        self.do("POST", "/tenants", {"slug": "beta", "environment": "staging"})
        after = {"slug": "beta", "name": "beta", "environment": "staging", "owner": self.owner.username}
        return "tenant.made", None, after

    def join(self) -> tuple[str, Any, Any]:
        other = make_person()
        OrganisationMember(organisation_id=self.tenant.organisation_id, user=other, role="Owner").save(
            using="auth", force_insert=True
        )
        add_door = Actor(user=other, tenant=self.tenant, role="").portal()
        User.objects.using("auth").filter(id=other.id).update(password=self.owner.password)
        add_key(add_door)
        assert add_door.post(f"{self.base}/tenants/beta/join", {"role": "Viewer"}).status == 200
        tenant = Tenant.objects.using("auth").get(slug="beta")
        [row] = audit_rows(tenant, action="member.joined")
        assert (row["before"], row["after"]) == (None, {"role": "Viewer"})
        return "", None, None

    def person(self) -> str:
        """A Member who came by an invitation into a tenant, which is told of as well."""
        row = OrganisationMember.objects.using("auth").filter(user__username="mona").first()
        if row is None:
            link = self.door.post("/tenants/beta/invitations", {"email": "m@example.com", "role": "Viewer"})[
                "link"
            ]
            body = {"token": link.partition("#token=")[2], "username": "mona", "password": PASSWORD}
            anybody = Door(prefix="/api/portal/v1", token=None)
            assert anybody.post("/invitation/sign-up", body).status == 201
            row = OrganisationMember.objects.using("auth").get(user__username="mona")
            [joined] = platform_rows(action="organisation.joined")
            assert joined["after"] == {"user": str(row.user_id), "role": "Member"}
        return str(row.user_id)

    def change_role(self) -> tuple[str, Any, Any]:
        user = self.person()
        self.do("PATCH", f"/people/{user}", {"role": "Billing"})
        return (
            "organisation.role.changed",
            {"user": user, "role": "Member"},
            {"user": user, "role": "Billing"},
        )

    def remove(self) -> tuple[str, Any, Any]:
        user = self.person()
        self.do("DELETE", f"/people/{user}")
        return "organisation.removed", {"user": user, "role": "Billing"}, None

    def provider(self) -> str:
        rows = self.do("GET", "/identity-providers")["identity_providers"]
        return f"/identity-providers/{rows[0]['id']}"

    def add_provider(self) -> tuple[str, Any, Any]:
        body = {"name": "Ours", "issuer": "https://id.example", "client_id": "a", "client_secret": "hunter2"}
        self.do("POST", "/identity-providers", body)
        return "identity_provider.added", None, TOLD

    def change_provider(self) -> tuple[str, Any, Any]:
        self.do("PATCH", self.provider(), {"groups_claim": "teams", "client_secret": "hunter3"})
        return (
            "identity_provider.changed",
            {"groups_claim": "groups", "client_secret": "***"},
            {"groups_claim": "teams", "client_secret": "*** (new)"},
        )

    def give_scim(self) -> tuple[str, Any, Any]:
        self.do("POST", f"{self.provider()}/scim-token")
        return "identity_provider.provisioning.allowed", {"provisions": False}, {"provisions": True}

    def take_scim(self) -> tuple[str, Any, Any]:
        self.do("DELETE", f"{self.provider()}/scim-token")
        return "identity_provider.provisioning.ended", {"provisions": True}, {"provisions": False}

    def remove_provider(self) -> tuple[str, Any, Any]:
        self.do("DELETE", self.provider())
        return "identity_provider.removed", {**TOLD, "groups_claim": "teams"}, None

    def delete(self) -> tuple[str, Any, Any]:
        made = self.door.post("/organisations", {"name": "Empty"})
        [row] = platform_rows(action="organisation.made", organisation_id=made["id"])
        assert (row["before"], row["after"]) == (None, {"name": "Empty", "owner": self.owner.username})
        assert self.door.delete(f"/organisations/{made['id']}").status == 204
        [row] = platform_rows(action="organisation.deleted")
        assert (row["before"], row["after"]) == ({"name": "Empty"}, None)
        return "", None, None


TOLD = {
    "kind": "oidc",
    "name": "Ours",
    "issuer": "https://id.example",
    "groups_claim": "groups",
    "role_map": [],
    "is_active": True,
    "provisions": False,
    "client": "a",
    "client_secret": "***",
}
DEEDS: dict[str, Callable[[Deeds], tuple[str, Any, Any]]] = {
    f"PATCH {BELOW}": Deeds.rename,
    f"PUT {BELOW}/sign-in-policy": Deeds.require,
    f"POST {BELOW}/tenants": Deeds.make_tenant,
    f"POST {BELOW}/tenants/<slug>/join": Deeds.join,
    f"PATCH {BELOW}/people/<user_id>": Deeds.change_role,
    LEAVING: Deeds.remove,
    f"POST {BELOW}/identity-providers": Deeds.add_provider,
    f"PATCH {BELOW}/identity-providers/<provider_id>": Deeds.change_provider,
    f"POST {BELOW}/identity-providers/<provider_id>/scim-token": Deeds.give_scim,
    f"DELETE {BELOW}/identity-providers/<provider_id>/scim-token": Deeds.take_scim,
    f"DELETE {BELOW}/identity-providers/<provider_id>": Deeds.remove_provider,
    f"DELETE {BELOW}": Deeds.delete,
}
ELSEWHERE = {f"PUT {BELOW}/plan": "tests/api/portal/test_organisation_plan.py"}
"""Changes whose rows are looked at where the rest of them is."""


def test_every_change_leaves_a_row_with_before_and_after(tenant: Tenant) -> None:
    deeds = Deeds(tenant)
    for name, deed in DEEDS.items():
        action, before, after = deed(deeds)
        if not action:
            continue
        row = platform_rows(action=action)[-1]
        assert (row["before"], row["after"]) == (before, after), name
        assert row["organisation_id"] == tenant.organisation_id, name
        assert row["actor"] == deeds.owner.username, name
    assert "hunter" not in str(platform_rows())


def test_no_change_is_forgotten(heard: list[str], people: People) -> None:
    found, _ = operations(heard, people)
    changes = {one.name for one in found if one.method != "GET"}
    assert changes == DEEDS.keys() | ELSEWHERE.keys()
