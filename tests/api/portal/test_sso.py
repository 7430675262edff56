"""Single sign-on through a real OpenID Connect provider's process."""

from __future__ import annotations

import ipaddress
from collections.abc import Iterator
from typing import Any
from urllib.parse import parse_qs, urlencode, urlsplit, urlunsplit
from uuid import uuid4

import pytest
from django.test import override_settings

from tenants.models.identity_provider import IdentityProvider
from tenants.models.membership import Membership
from tenants.models.organisation_member import OrganisationMember
from tenants.models.tenant import Tenant
from tenants.models.user import User
from tests.support.actors import Actor, Answer, Door
from tests.support.factories import make_member, make_person
from tests.support.identity_provider import Provider, running_provider


@pytest.fixture(scope="module")
def idp() -> Iterator[Provider]:
    with running_provider() as provider:
        yield provider


@pytest.fixture(autouse=True)
def near(database: None) -> Iterator[None]:
    """The operator allows providers on the loopback."""
    with override_settings(SSO_NETWORKS=(ipaddress.ip_network("127.0.0.0/8"),)):
        yield


@pytest.fixture
def portal() -> Door:
    return Door(prefix="/api/portal/v1", token=None)


def owner_of(tenant: Tenant) -> Actor:
    row = OrganisationMember.objects.using("auth").get(organisation_id=tenant.organisation_id, role="Owner")
    return Actor(user=row.user, tenant=tenant, role="Owner")


def path(tenant: Tenant, rest: str = "") -> str:
    return f"/organisations/{tenant.organisation_id}/identity-providers{rest}"


def body(idp: Provider, *mapped: tuple[str, str], tenant: str = "alpha", **more: Any) -> dict[str, Any]:
    return {
        "name": "Our people",
        "issuer": idp.issuer,
        "client_id": f"aerodrome-{uuid4()}",
        "client_secret": "a secret of the client",
        "role_map": [{"group": group, "tenant": tenant, "role": role} for group, role in mapped],
        **more,
    }


def set_up(tenant: Tenant, idp: Provider, *mapped: tuple[str, str], **more: Any) -> dict[str, Any]:
    answer = owner_of(tenant).portal().post(path(tenant), body(idp, *mapped, tenant=tenant.slug, **more))
    assert answer.status == 201, answer.body
    made: dict[str, Any] = answer.body
    return made


def sign_on(portal: Door, idp: Provider, made: dict[str, Any], subject: str, **wrong: str) -> Answer:
    """The whole way of a browser; `wrong`: what it changes of its last step."""
    begun = portal.post(f"/sso/{made['id']}/begin")
    assert begun.status == 200, begun.body
    back = idp.browse(begun["address"], subject)
    assert back["state"] == begun["state"]
    sent = {"state": back["state"], "code": back["code"], "binding": begun["binding"], **wrong}
    return portal.post("/sso/finish", sent)


def door(answer: Answer) -> Door:
    return Door(prefix="/api/portal/v1", token=answer["access_token"])


def test_a_group_gives_a_role(portal: Door, idp: Provider, tenant: Tenant) -> None:
    made = set_up(tenant, idp, ("data", "Author"), ("everybody", "Viewer"))
    idp.put_person("ada", email="ada@corp.example", preferred_username="ada", groups=["data", "everybody"])
    answer = sign_on(portal, idp, made, "ada")
    assert answer.status == 200, answer.body
    assert [(row["slug"], row["role"]) for row in answer["tenants"]] == [("alpha", "Author")]
    assert door(answer).get("/tenants/alpha")["role"] == "Author"
    assert Door(prefix="/t/alpha/api/v2", token=answer["access_token"]).get("/dags").status == 200
    again = sign_on(portal, idp, made, "ada")
    assert again["user"]["id"] == answer["user"]["id"]
    [session, *_] = door(again).get("/me/sessions")["sessions"]
    assert session["method"] == "Our people"


def test_a_removed_group_takes_the_role_away(portal: Door, idp: Provider, tenant: Tenant) -> None:
    made = set_up(tenant, idp, ("data", "Op"))
    idp.put_person("bob", groups=["data"])
    first = sign_on(portal, idp, made, "bob")
    assert door(first).get("/tenants/alpha")["role"] == "Op"
    idp.put_person("bob", groups=["other"])
    assert sign_on(portal, idp, made, "bob")["tenants"] == []
    assert door(first).get("/tenants/alpha").status == 404


def test_a_role_that_a_person_gave_stays(portal: Door, idp: Provider, tenant: Tenant) -> None:
    made = set_up(tenant, idp, ("data", "Op"))
    idp.put_person("cleo", groups=[])
    answer = sign_on(portal, idp, made, "cleo")
    make_member(tenant=tenant, role="Viewer", user=User.objects.using("auth").get(id=answer["user"]["id"]))
    idp.put_person("cleo", groups=["data"])
    assert sign_on(portal, idp, made, "cleo")["tenants"][0]["role"] == "Viewer"


def test_an_address_in_a_token_is_nobodys_key(portal: Door, idp: Provider, tenant: Tenant) -> None:
    victim = make_member(tenant=tenant, role="Admin", user=make_person("victim"))
    made = set_up(tenant, idp)
    idp.put_person("thief", email=victim.email, preferred_username="victim", groups=[])
    answer = sign_on(portal, idp, made, "thief")
    assert answer.status == 200
    assert answer["user"]["id"] != str(victim.id)
    assert answer["user"]["username"] != "victim"
    assert answer["tenants"] == []


def test_a_strangers_provider_opens_none_of_our_tenants(
    portal: Door, idp: Provider, tenant: Tenant, stranger: Actor
) -> None:
    theirs = owner_of(stranger.tenant)
    for role_map, status in (
        ([{"group": "g", "tenant": "alpha", "role": "Admin"}], 422),
        ([{"group": "g", "tenant": "omega", "role": "Admin"}], 201),
    ):
        answer = theirs.portal().post(path(stranger.tenant), {**body(idp), "role_map": role_map})
        assert answer.status == status, answer.body
    made = answer.body
    # Even when a row said so, as an error of ours might.
    IdentityProvider.objects.using("auth").filter(id=made["id"]).update(
        role_map=[{"group": "g", "tenant": "alpha", "role": "Admin"}]
    )
    idp.put_person("mallory", groups=["g"])
    signed = sign_on(portal, idp, made, "mallory")
    assert signed["tenants"] == []
    # And whoever it vouches for does not enter our tenant by a membership they have there.
    make_member(tenant=tenant, role="Owner", user=User.objects.using("auth").get(id=signed["user"]["id"]))
    assert door(signed).get("/me")["tenants"] == []
    assert door(signed).get("/tenants/alpha").status == 404
    assert Door(prefix="/t/alpha/api/v2", token=signed["access_token"]).get("/dags").status in (401, 403, 404)
    assert door(signed).get(f"/organisations/{tenant.organisation_id}").status == 404
    assert door(signed).get("/organisations").status == 401


def test_an_answer_is_good_once_and_in_its_own_browser(portal: Door, idp: Provider, tenant: Tenant) -> None:
    made = set_up(tenant, idp)
    idp.put_person("dora", groups=[])
    for wrong in ({"state": "x"}, {"binding": "x"}, {"code": "x"}):
        refused = sign_on(portal, idp, made, "dora", **wrong)
        assert (refused.status, refused["code"]) == (401, "sign-on-refused"), wrong
    begun = portal.post(f"/sso/{made['id']}/begin")
    back = idp.browse(begun["address"], "dora")
    sent = {"state": back["state"], "code": back["code"], "binding": begun["binding"]}
    assert portal.post("/sso/finish", sent).status == 200
    assert portal.post("/sso/finish", sent)["code"] == "sign-on-refused"
    # A code of one sign-in in another one: the verifier and the nonce are not its own.
    other = portal.post(f"/sso/{made['id']}/begin")
    stolen = idp.browse(portal.post(f"/sso/{made['id']}/begin")["address"], "dora")
    mixed = {"state": other["state"], "code": stolen["code"], "binding": other["binding"]}
    assert portal.post("/sso/finish", mixed)["code"] == "sign-on-refused"


def test_a_token_with_another_nonce_is_refused(portal: Door, idp: Provider, tenant: Tenant) -> None:
    made = set_up(tenant, idp)
    idp.put_person("emil", groups=[])
    begun = portal.post(f"/sso/{made['id']}/begin")
    parts = urlsplit(begun["address"])
    query = {key: values[0] for key, values in parse_qs(parts.query).items()} | {"nonce": "another"}
    back = idp.browse(urlunsplit(parts._replace(query=urlencode(query))), "emil")
    sent = {"state": back["state"], "code": back["code"], "binding": begun["binding"]}
    refused = portal.post("/sso/finish", sent)
    assert (refused.status, refused["detail"]) == (401, "the token is not of this sign-in")


def test_who_sets_up_a_provider(idp: Provider, tenant: Tenant, stranger: Actor) -> None:
    admin = make_person()
    OrganisationMember(organisation_id=tenant.organisation_id, user=admin, role="Admin").save(
        using="auth", force_insert=True
    )
    refused = Actor(user=admin, tenant=tenant, role="").portal().post(path(tenant), body(idp))
    assert (refused.status, refused["code"]) == (403, "permission-missing")
    assert stranger.portal().post(path(tenant), body(idp)).status == 404
    assert stranger.portal().get(path(tenant)).status == 404
    assert not IdentityProvider.objects.using("auth").exists()


@pytest.mark.parametrize(
    "wrong",
    [
        {"issuer": "ftp://x"},
        {"issuer": "nowhere"},
        {"name": ""},
        {"role_map": [{"group": "g", "tenant": "alpha", "role": "Owner"}]},
        {"role_map": [{"group": "g", "tenant": "nowhere", "role": "Viewer"}]},
        {"role_map": [{"group": "g"}]},
    ],
)
def test_a_provider_that_is_none(idp: Provider, tenant: Tenant, wrong: dict[str, Any]) -> None:
    answer = owner_of(tenant).portal().post(path(tenant), {**body(idp), **wrong})
    assert answer.status == 422
    field = next(iter(wrong))
    assert field in str(answer.body)
    assert not IdentityProvider.objects.using("auth").exists()


def test_the_secret_is_shown_to_nobody(idp: Provider, tenant: Tenant) -> None:
    made = set_up(tenant, idp)
    listed = owner_of(tenant).portal().get(path(tenant))
    assert made["has_client_secret"] is True
    assert "a secret of the client" not in str((made, listed.body))
    [row] = IdentityProvider.objects.using("auth").all()
    assert b"a secret of the client" not in bytes(row.sealed or b"")


def test_switched_off_it_signs_nobody_in_and_its_sign_ins_end(
    portal: Door, idp: Provider, tenant: Tenant
) -> None:
    made = set_up(tenant, idp, ("data", "Author"))
    idp.put_person("fay", groups=["data"])
    signed = sign_on(portal, idp, made, "fay")
    listed = portal.get("/sso/providers", {"tenant": "alpha"})["identity_providers"]
    assert listed == [{"id": made["id"], "name": "Our people"}]
    assert portal.get("/sso/providers", {"tenant": "nowhere"})["identity_providers"] == []
    owner_of(tenant).portal().patch(path(tenant, f"/{made['id']}"), {"is_active": False})
    assert door(signed).get("/me").status == 401
    assert portal.post(f"/sso/{made['id']}/begin").status == 404
    assert portal.get("/sso/providers", {"tenant": "alpha"})["identity_providers"] == []
    assert owner_of(tenant).portal().delete(path(tenant, f"/{made['id']}")).status == 204
    assert not Membership.objects.using("auth").filter(user_id=signed["user"]["id"]).exists()


def test_a_closed_account_stays_out(portal: Door, idp: Provider, tenant: Tenant) -> None:
    made = set_up(tenant, idp)
    idp.put_person("gus", groups=[])
    signed = sign_on(portal, idp, made, "gus")
    User.objects.using("auth").filter(id=signed["user"]["id"]).update(is_active=False)
    refused = sign_on(portal, idp, made, "gus")
    assert (refused.status, refused["code"]) == (403, "account-closed")


@pytest.mark.parametrize(
    "issuer", ["http://169.254.169.254", "http://10.0.0.1", "http://[::1]", "http://127.0.0.1:1"]
)
def test_inner_addresses_are_not_asked(portal: Door, idp: Provider, tenant: Tenant, issuer: str) -> None:
    made = set_up(tenant, idp, issuer=issuer)
    with override_settings(SSO_NETWORKS=()):
        answer = portal.post(f"/sso/{made['id']}/begin")
    assert (answer.status, answer["code"]) == (502, "provider-unreachable")


def test_the_loopback_is_asked_only_where_an_operator_allows_it(
    portal: Door, idp: Provider, tenant: Tenant
) -> None:
    made = set_up(tenant, idp)
    with override_settings(SSO_NETWORKS=()):
        assert portal.post(f"/sso/{made['id']}/begin").status == 502
    assert portal.post(f"/sso/{made['id']}/begin").status == 200
