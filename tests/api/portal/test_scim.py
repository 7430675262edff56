"""SCIM 2.0: an identity provider provisions people and groups."""

from __future__ import annotations

from typing import Any
from uuid import uuid4

import pytest

from controlplane.foundation.clock import utc_now
from tenants.access_tokens import issue_access_token
from tenants.models.identity_provider import IdentityProvider
from tenants.models.membership import Membership
from tenants.models.organisation_member import OrganisationMember
from tenants.models.tenant import Tenant
from tenants.models.user import User
from tenants.sessions import begin_session
from tenants.sso.arrive import Arrival, arrive
from tenants.sso.providers import add_provider
from tenants.sso.scim_filter import FilterInvalid, read_filter
from tests.support.actors import Actor, Answer, Door
from tests.support.audit_rows import audit_rows, platform_rows

USER = "urn:ietf:params:scim:schemas:core:2.0:User"
PATCH = "urn:ietf:params:scim:api:messages:2.0:PatchOp"
ERROR = "urn:ietf:params:scim:api:messages:2.0:Error"


def make_provider(tenant: Tenant, *mapped: tuple[str, str]) -> IdentityProvider:
    fields = {
        "name": "Corp",
        "issuer": "https://id.corp.example",
        "client_id": "c",
        "role_map": [{"group": group, "tenant": tenant.slug, "role": role} for group, role in mapped],
    }
    return add_provider(organisation_id=tenant.organisation_id, fields=fields, now=utc_now())


def token_of(tenant: Tenant, provider: IdentityProvider) -> Answer:
    row = OrganisationMember.objects.using("auth").get(organisation_id=tenant.organisation_id, role="Owner")
    owner = Actor(user=row.user, tenant=tenant, role="Owner").portal()
    place = f"/organisations/{tenant.organisation_id}/identity-providers/{provider.id}/scim-token"
    return owner.post(place)


def client(tenant: Tenant, provider: IdentityProvider) -> Door:
    return Door(prefix="/api/portal/v1/scim/v2", token=token_of(tenant, provider)["token"])


@pytest.fixture
def provider(tenant: Tenant) -> IdentityProvider:
    return make_provider(tenant, ("data", "Author"), ("ops", "Op"))


@pytest.fixture
def scim(tenant: Tenant, provider: IdentityProvider) -> Door:
    return client(tenant, provider)


def person(user_name: str, **more: Any) -> dict[str, Any]:
    emails = [{"value": f"{user_name}@corp.example", "primary": True}]
    return {
        "schemas": [USER],
        "userName": user_name,
        "externalId": f"x-{user_name}",
        "emails": emails,
        **more,
    }


def patch(*operations: dict[str, Any]) -> dict[str, Any]:
    return {"schemas": [PATCH], "Operations": list(operations)}


def role_of(tenant: Tenant, made: Answer, scim: Door) -> str | None:
    username = scim.get(f"/Users/{made['id']}")["userName"]
    rows = Membership.objects.using("auth").filter(tenant=tenant, user__username=username)
    found: str | None = rows.values_list("role", flat=True).first()
    return found


def test_a_person_comes_changes_and_goes(tenant: Tenant, scim: Door) -> None:
    made = scim.post("/Users", person("ada", name={"givenName": "Ada", "familyName": "L"}))
    assert (made.status, made["userName"], made["active"]) == (201, "ada", True)
    assert made.headers["Location"].endswith(f"/Users/{made['id']}")
    assert made.headers["Content-Type"].startswith("application/scim+json")
    found = scim.get("/Users", {"filter": 'userName eq "ADA" and externalId eq "x-ada"'})
    assert (found["totalResults"], found["Resources"][0]["id"]) == (1, made["id"])
    assert scim.get("/Users", {"filter": 'userName eq "bob"'})["Resources"] == []
    renamed = scim.patch(
        f"/Users/{made['id']}",
        patch(
            {"op": "Replace", "value": {"displayName": "Ada Lovelace"}},
            {"op": "add", "path": "userName", "value": "ada2"},
        ),
    )
    assert (renamed["userName"], renamed["displayName"]) == ("ada2", "Ada Lovelace")
    assert scim.delete(f"/Users/{made['id']}").status == 204
    gone = scim.get(f"/Users/{made['id']}")
    assert (gone.status, gone["schemas"], gone["status"]) == (404, [ERROR], "404")
    assert not OrganisationMember.objects.using("auth").filter(user__username="ada").exists()
    assert not User.objects.using("auth").get(username="ada").is_active


def test_who_is_provisioned_is_who_signs_in(tenant: Tenant, provider: IdentityProvider, scim: Door) -> None:
    made = scim.post("/Users", person("ada"))
    scim.post("/Groups", {"displayName": "data", "members": [{"value": made["id"]}]})
    provider.refresh_from_db(using="auth")
    came = arrive(provider=provider, arrival=Arrival("x-ada", ()), now=utc_now())
    assert came.username == "ada"
    assert role_of(tenant, made, scim) == "Author"


def test_switched_off_is_out_at_once(tenant: Tenant, provider: IdentityProvider, scim: Door) -> None:
    made = scim.post("/Users", person("ada"))
    scim.post("/Groups", {"displayName": "ops", "members": [{"value": made["id"]}]})
    user = User.objects.using("auth").get(username="ada")
    session = begin_session(
        user_id=user.id, method="Corp", address="", user_agent="", now=utc_now(), provider_id=provider.id
    )
    token = issue_access_token(
        user_id=user.id,
        username=user.username,
        now=utc_now(),
        session_id=session,
        organisation_id=tenant.organisation_id,
    )
    mine = Door(prefix="/api/portal/v1", token=token)
    issued = mine.post("/tenants/alpha/tokens", {"name": "mine", "kind": "api", "role": "Viewer"})
    machine = Door(prefix="/t/alpha/api/v2", token=issued["token"])
    assert (mine.get("/me").status, machine.get("/dags").status) == (200, 200)
    off = scim.patch(f"/Users/{made['id']}", patch({"op": "replace", "path": "active", "value": "False"}))
    assert off["active"] is False
    assert mine.get("/me").status == 401
    assert machine.get("/dags").status in (401, 403)
    # Back again, they sign in anew: what was ended stays ended.
    scim.patch(f"/Users/{made['id']}", patch({"op": "replace", "value": {"active": True}}))
    assert mine.get("/me").status == 401
    assert machine.get("/dags").status in (401, 403)
    assert scim.get("/Users", {"filter": "active eq true"})["totalResults"] == 1


def test_groups_give_roles_and_take_them_away(tenant: Tenant, scim: Door) -> None:
    ada, bob = scim.post("/Users", person("ada")), scim.post("/Users", person("bob"))
    data = scim.post("/Groups", {"displayName": "data", "members": [{"value": ada["id"]}]})
    ops = scim.post("/Groups", {"displayName": "ops"})
    assert (data.status, role_of(tenant, ada, scim), role_of(tenant, bob, scim)) == (201, "Author", None)
    both = [{"value": ada["id"]}, {"value": bob["id"]}]
    scim.patch(f"/Groups/{ops['id']}", patch({"op": "Add", "path": "members", "value": both}))
    assert (role_of(tenant, ada, scim), role_of(tenant, bob, scim)) == ("Op", "Op")
    one = f'members[value eq "{ada["id"]}"]'
    left = scim.patch(f"/Groups/{ops['id']}", patch({"op": "remove", "path": one}))
    assert [member["value"] for member in left["members"]] == [bob["id"]]
    assert role_of(tenant, ada, scim) == "Author"
    scim.patch(f"/Groups/{ops['id']}", patch({"op": "replace", "path": "displayName", "value": "other"}))
    assert role_of(tenant, bob, scim) is None
    scim.patch(
        f"/Groups/{data['id']}", patch({"op": "replace", "path": "members", "value": [{"value": bob["id"]}]})
    )
    assert (role_of(tenant, ada, scim), role_of(tenant, bob, scim)) == (None, "Author")
    assert scim.delete(f"/Groups/{data['id']}").status == 204
    assert role_of(tenant, bob, scim) is None
    found = scim.get("/Groups", {"filter": 'displayName eq "other"'})
    assert [row["id"] for row in found["Resources"]] == [ops["id"]]


@pytest.mark.parametrize(
    ("body", "status", "kind"),
    [
        ({}, 400, "invalidValue"),
        ({"userName": "x" * 300}, 400, "invalidValue"),
        ({"userName": "a\x00"}, 400, "invalidValue"),
        ({"userName": 5}, 400, "invalidValue"),
        ({"userName": "a", "active": "maybe"}, 400, "invalidSyntax"),
        ([], 400, "invalidSyntax"),
        ({"userName": "ADA", "externalId": "new"}, 409, "uniqueness"),
        ({"userName": "new", "externalId": "x-ada"}, 409, "uniqueness"),
    ],
)
def test_what_is_no_person(scim: Door, body: Any, status: int, kind: str) -> None:
    scim.post("/Users", person("ada"))
    answer = scim.post("/Users", body)
    assert (answer.status, answer["scimType"], answer["schemas"]) == (status, kind, [ERROR])
    assert scim.get("/Users")["totalResults"] == 1


@pytest.mark.parametrize(
    "body",
    [
        {"Operations": [{"op": "add"}]},
        {"schemas": [PATCH]},
        patch({"op": "move", "path": "members"}),
        patch({"op": "add", "path": "members", "value": "x"}),
        patch({"op": "add", "path": "members", "value": [{"value": "x"}]}),
        patch({"op": "replace", "path": "owner", "value": "x"}),
        patch({"op": "replace", "path": 5, "value": "x"}),
    ],
)
def test_what_is_no_patch(scim: Door, body: dict[str, Any]) -> None:
    made = scim.post("/Groups", {"displayName": "data"})
    assert scim.patch(f"/Groups/{made['id']}", body).status == 400
    missing = patch({"op": "add", "path": "members", "value": [{"value": str(uuid4())}]})
    assert scim.patch(f"/Groups/{made['id']}", missing).status == 404


@pytest.mark.parametrize(
    "text",
    [
        "x",
        "userName eq x",
        'userName co "a"',
        'password eq "x"',
        'userName eq "a" or id eq "b"',
        'userName eq "a" and',
        "",
    ],
)
def test_what_is_no_filter(text: str) -> None:
    with pytest.raises(FilterInvalid):
        read_filter(text, known=frozenset({"username", "id"}))


def test_pages(scim: Door) -> None:
    for name in ("ada", "bob", "cleo"):
        scim.post("/Users", person(name))
    page = scim.get("/Users", {"startIndex": "2", "count": "1"})
    assert (page["totalResults"], page["itemsPerPage"], page["Resources"][0]["userName"]) == (3, 1, "bob")
    assert scim.get("/Users", {"count": "x"}).status == 400


def test_a_provider_reaches_its_own_people_alone(
    tenant: Tenant, other_tenant: Tenant, provider: IdentityProvider, scim: Door
) -> None:
    ada = scim.post("/Users", person("ada"))
    group = scim.post("/Groups", {"displayName": "data", "members": [{"value": ada["id"]}]})
    theirs = client(other_tenant, make_provider(other_tenant, ("data", "Admin")))
    assert theirs.get("/Users")["totalResults"] == 0
    off = patch({"op": "replace", "path": "active", "value": False})
    for answer in (
        theirs.get(f"/Users/{ada['id']}"),
        theirs.patch(f"/Users/{ada['id']}", off),
        theirs.delete(f"/Users/{ada['id']}"),
        theirs.get(f"/Groups/{group['id']}"),
        theirs.delete(f"/Groups/{group['id']}"),
        theirs.post("/Groups", {"displayName": "g", "members": [{"value": ada["id"]}]}),
    ):
        assert answer.status == 404
    assert theirs.get("/Groups")["totalResults"] == 0
    assert scim.get(f"/Users/{ada['id']}")["active"] is True
    assert role_of(tenant, ada, scim) == "Author"
    # The same name there is another account.
    assert theirs.post("/Users", person("ada")).status == 201
    assert User.objects.using("auth").filter(username__startswith="ada").count() == 2


def test_only_the_newest_token_opens(tenant: Tenant, provider: IdentityProvider, member: Actor) -> None:
    first = client(tenant, provider)
    second = client(tenant, provider)
    assert (first.get("/Users").status, second.get("/Users").status) == (401, 200)
    for token in (None, "x", member.portal().token, "aero_scim_" + "x" * 43):
        answer = Door(prefix="/api/portal/v1/scim/v2", token=token).get("/ServiceProviderConfig")
        assert (answer.status, answer["schemas"]) == (401, [ERROR])
    assert second.get("/ServiceProviderConfig")["patch"] == {"supported": True}
    IdentityProvider.objects.using("auth").filter(id=provider.id).update(is_active=False)
    assert second.get("/Users").status == 401


def test_who_gives_the_token(
    tenant: Tenant, provider: IdentityProvider, member: Actor, stranger: Actor
) -> None:
    place = f"/organisations/{tenant.organisation_id}/identity-providers/{provider.id}/scim-token"
    OrganisationMember(organisation_id=tenant.organisation_id, user=member.user, role="Admin").save(
        using="auth", force_insert=True
    )
    assert member.portal().post(place).status == 403
    assert stranger.portal().post(place).status == 404
    other = f"/organisations/{stranger.tenant.organisation_id}/identity-providers/{provider.id}/scim-token"
    assert token_of(stranger.tenant, provider).status == 404
    assert stranger.portal().post(other).status == 404
    assert IdentityProvider.objects.using("auth").get(id=provider.id).scim_digest == ""


def test_attributes_are_chosen(scim: Door) -> None:
    """As clients of large directories ask: groups without their members."""
    ada = scim.post("/Users", person("ada"))
    scim.post("/Groups", {"displayName": "data", "members": [{"value": ada["id"]}]})
    [group] = scim.get("/Groups", {"excludedAttributes": "members"})["Resources"]
    assert group["displayName"] == "data" and "members" not in group
    assert "members" in scim.get("/Groups")["Resources"][0]
    one = scim.get(f"/Users/{ada['id']}", {"attributes": f"{USER}:emails.value,userName"})
    assert set(one.body) == {"schemas", "id", "userName", "emails"}


def test_what_there_is_can_be_asked(scim: Door, stranger: Actor) -> None:
    types = scim.get("/ResourceTypes")["Resources"]
    schemas = scim.get("/Schemas")["Resources"]
    assert [row["schema"] for row in types] == [row["id"] for row in schemas]
    told = {row["name"]: {each["name"] for each in row["attributes"]} for row in schemas}
    made = scim.post("/Users", person("ada"))
    assert set(made.body) - {"schemas", "id", "externalId", "meta"} == told["User"]
    for place in ("/ResourceTypes", "/Schemas"):
        assert Door(prefix="/api/portal/v1/scim/v2", token=stranger.portal().token).get(place).status == 401


def test_changes_of_groups_and_people_are_in_the_audit(tenant: Tenant, scim: Door) -> None:
    ada = scim.post("/Users", person("ada"))
    group = scim.post("/Groups", {"displayName": "data", "members": [{"value": ada["id"]}]})
    scim.patch(f"/Users/{ada['id']}", patch({"op": "replace", "path": "active", "value": False}))
    scim.delete(f"/Groups/{group['id']}")
    scim.delete(f"/Users/{ada['id']}")
    rows = [row for row in platform_rows() if row["action"].startswith(("person.", "group."))]
    assert [row["action"] for row in rows] == [
        "person.provisioned",
        "group.provisioned",
        "person.changed",
        "group.unprovisioned",
        "person.unprovisioned",
    ]
    assert {row["organisation_id"] for row in rows} == {tenant.organisation_id}
    assert rows[1]["after"] == {"name": "data", "members": [ada["id"]]}
    assert (rows[2]["before"], rows[2]["after"]) == ({"is_active": True}, {"is_active": False})
    assert rows[4]["before"]["email"] == "ada@corp.example" and rows[4]["after"] is None
    assert [row["action"] for row in audit_rows(tenant) if row["target"].startswith("member:")] == [
        "member.joined",
        "member.role.changed",
    ]
