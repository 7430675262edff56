"""Organisations: /organisations and below."""

from __future__ import annotations

from collections.abc import Callable
from uuid import uuid4

import pytest

from controlplane.foundation.clock import utc_now
from controlplane.ledger.furnish import furnish_tenant
from tenants.models.membership import Membership
from tenants.models.organisation import Organisation
from tenants.models.organisation_member import ORGANISATION_ROLES, OrganisationMember
from tenants.models.tenant import Tenant
from tenants.models.user import User
from tenants.organisation_permissions import ORGANISATION_ALL, ORGANISATION_PERMISSIONS
from tenants.organisations import make_organisation
from tenants.provision import provision_tenant
from tests.support.actors import Actor, Door
from tests.support.factories import make_person


@pytest.fixture
def owner(database: None) -> User:
    return make_person("olga")


@pytest.fixture
def organisation(owner: User) -> Organisation:
    return make_organisation(name="Initech", owner=owner)


@pytest.fixture
def person(organisation: Organisation) -> Callable[[str], Actor]:
    """`person("Billing")`: somebody new in that role of the organisation."""

    def make(role: str) -> Actor:
        user = make_person()
        row = OrganisationMember(organisation=organisation, user=user, role=role)
        row.save(using="auth", force_insert=True)
        return Actor(user=user, tenant=Tenant(slug="none"), role=role)

    return make


def door(user: User) -> Door:
    return Actor(user=user, tenant=Tenant(slug="none"), role="").portal()


def path(organisation: Organisation, rest: str = "") -> str:
    return f"/organisations/{organisation.id}{rest}"


def test_the_roles_are_published(database: None) -> None:
    assert tuple(sorted(ORGANISATION_PERMISSIONS)) == tuple(sorted(ORGANISATION_ROLES))
    assert ORGANISATION_PERMISSIONS["Owner"] == set(ORGANISATION_ALL)
    assert ORGANISATION_PERMISSIONS["Member"] == {"organisation.read"}


def test_sign_up_makes_person_organisation_and_tenant(database: None) -> None:
    body = {
        "username": "mia",
        "email": "mia@example.com",
        "password": "seven tall ships",
        "tenant": "alpha",
        "organisation": "Initech  Ltd",
    }
    made = Door(prefix="/api/portal/v1", token=None).post("/sign-up", body)
    assert made.status == 201
    mine = Door(prefix="/api/portal/v1", token=made["access_token"])
    [found] = mine.get("/organisations")["organisations"]
    assert (found["name"], found["role"]) == ("Initech Ltd", "Owner")
    assert found["id"] == made["tenant"]["organisation_id"]
    second = mine.post("/tenants", {"slug": "beta"})
    assert second["tenant"]["organisation_id"] == found["id"]
    listed = mine.get(f"/organisations/{found['id']}/tenants")["tenants"]
    assert [(row["slug"], row["environment"]) for row in listed] == [
        ("alpha", "production"),
        ("beta", "production"),
    ]


def test_renaming(organisation: Organisation, person: Callable[[str], Actor], stranger: Actor) -> None:
    assert person("Admin").portal().patch(path(organisation), {"name": " New  name "})["name"] == "New name"
    refused = person("Member").portal().patch(path(organisation), {"name": "x"})
    assert (refused.status, refused["code"]) == (403, "permission-missing")
    hidden = stranger.portal().patch(path(organisation), {"name": "x"})
    absent = stranger.portal().patch(f"/organisations/{uuid4()}", {"name": "x"})
    assert (hidden.status, hidden["code"]) == (absent.status, absent["code"]) == (404, "not-found")
    organisation.refresh_from_db(using="auth")
    assert organisation.name == "New name"


@pytest.mark.parametrize("name", ["", "   ", "x" * 201, "a\u0007b", None])
def test_a_name_that_is_none(organisation: Organisation, owner: User, name: str | None) -> None:
    answer = door(owner).patch(path(organisation), {"name": name})
    assert answer.status == 422
    organisation.refresh_from_db(using="auth")
    assert organisation.name == "Initech"


def test_making_a_tenant(organisation: Organisation, person: Callable[[str], Actor], stranger: Actor) -> None:
    admin = person("Admin")
    body = {"slug": "initech-staging", "environment": "staging"}
    for actor, status in ((person("Billing"), 403), (person("Member"), 403), (stranger, 404)):
        assert actor.portal().post(path(organisation, "/tenants"), body).status == status
    assert not Tenant.objects.using("auth").filter(slug="initech-staging").exists()
    made = admin.portal().post(path(organisation, "/tenants"), body)
    assert (made.status, made["tenant"]["environment"]) == (201, "staging")
    assert made["git"]["token"].startswith("aero_git_")
    assert admin.portal().get("/tenants/initech-staging").status == 200
    taken = stranger.portal().post("/tenants", {"slug": "initech-staging"})
    assert (taken.status, taken["code"]) == (409, "slug-taken")
    wrong = admin.portal().post(path(organisation, "/tenants"), {"slug": "x-y", "environment": "dev"})
    assert (wrong.status, list(wrong["errors"])) == (422, ["environment"])


def test_a_role_in_the_organisation_opens_no_tenant(organisation: Organisation, owner: User) -> None:
    builder = make_person()
    provision_tenant(
        slug="secret",
        name="",
        owner=builder,
        organisation=organisation,
        now=utc_now(),
        furnish=furnish_tenant,
    )
    assert door(owner).get("/tenants/secret").status == 404
    assert [row["slug"] for row in door(owner).get(path(organisation, "/tenants"))["tenants"]] == ["secret"]
    assert door(owner).post(path(organisation, "/tenants/secret/join"), {"role": "Viewer"}).status == 200
    assert door(owner).get("/tenants/secret")["role"] == "Viewer"


def test_joining_is_for_owners_of_the_same_organisation(
    organisation: Organisation, owner: User, person: Callable[[str], Actor], tenant: Tenant, stranger: Actor
) -> None:
    answer = door(owner).post(path(organisation, f"/tenants/{tenant.slug}/join"), {})
    absent = door(owner).post(path(organisation, "/tenants/nothing/join"), {})
    assert (answer.status, answer["code"]) == (absent.status, absent["code"]) == (404, "not-found")
    assert person("Admin").portal().post(path(organisation, "/tenants/alpha/join"), {}).status == 403
    assert stranger.portal().post(path(organisation, "/tenants/alpha/join"), {}).status == 404
    assert not Membership.objects.using("auth").filter(tenant=tenant, user=owner).exists()


def test_people_and_their_roles(
    organisation: Organisation, owner: User, person: Callable[[str], Actor], stranger: Actor
) -> None:
    admin, member = person("Admin"), person("Member")
    listed = admin.portal().get(path(organisation, "/people"))["people"]
    assert {row["role"] for row in listed} == {"Owner", "Admin", "Member"}
    assert member.portal().get(path(organisation, "/people")).status == 403
    place = path(organisation, f"/people/{member.user.id}")
    assert stranger.portal().patch(place, {"role": "Admin"}).status == 404
    assert member.portal().patch(place, {"role": "Admin"}).status == 403
    assert admin.portal().patch(place, {"role": "Billing"}).status == 200
    crowned = admin.portal().patch(place, {"role": "Owner"})
    assert (crowned.status, crowned["code"]) == (403, "owners-only")
    dethroned = admin.portal().delete(path(organisation, f"/people/{owner.id}"))
    assert (dethroned.status, dethroned["code"]) == (403, "owners-only")
    assert admin.portal().patch(place, {"role": "King"}).status == 422
    row = OrganisationMember.objects.using("auth").get(organisation=organisation, user=member.user)
    assert row.role == "Billing"


def test_the_last_owner_stays(
    organisation: Organisation, owner: User, person: Callable[[str], Actor]
) -> None:
    me = path(organisation, f"/people/{owner.id}")
    assert door(owner).delete(me)["code"] == "last-owner"
    assert door(owner).patch(me, {"role": "Admin"})["code"] == "last-owner"
    other = person("Owner")
    assert door(owner).delete(me).status == 204
    assert door(owner).get(path(organisation)).status == 404
    assert other.portal().delete(path(organisation, f"/people/{other.user.id}"))["code"] == "last-owner"


def test_who_leaves_the_organisation_leaves_its_tenants(
    organisation: Organisation, owner: User, person: Callable[[str], Actor]
) -> None:
    made = provision_tenant(
        slug="one", name="", owner=owner, organisation=organisation, now=utc_now(), furnish=furnish_tenant
    )
    leaver = person("Member")
    Membership(tenant=made.tenant, user=leaver.user, role="Author").save(using="auth", force_insert=True)
    assert leaver.portal().get("/tenants/one").status == 200
    assert leaver.portal().delete(path(organisation, f"/people/{leaver.user.id}")).status == 204
    assert leaver.portal().get("/tenants/one").status == 404
    # The only Owner of a tenant cannot go, and nothing has changed then.
    second = person("Owner")
    refused = second.portal().delete(path(organisation, f"/people/{owner.id}"))
    assert (refused.status, refused["code"]) == (409, "last-owner")
    assert "'one'" in refused["detail"]
    assert door(owner).get("/tenants/one")["role"] == "Owner"


def test_only_an_empty_organisation_is_deleted(
    organisation: Organisation, owner: User, person: Callable[[str], Actor], stranger: Actor
) -> None:
    provision_tenant(
        slug="one", name="", owner=owner, organisation=organisation, now=utc_now(), furnish=furnish_tenant
    )
    assert stranger.portal().delete(path(organisation)).status == 404
    assert person("Admin").portal().delete(path(organisation)).status == 403
    full = door(owner).delete(path(organisation))
    assert (full.status, full["code"]) == (409, "organisation-not-empty")
    empty = door(owner).post("/organisations", {"name": "Empty"})
    assert door(owner).delete(f"/organisations/{empty['id']}").status == 204
    assert door(owner).get(f"/organisations/{empty['id']}").status == 404


def test_a_token_of_one_tenant_reaches_no_organisation(tenant: Tenant, member: Actor) -> None:
    OrganisationMember(organisation_id=tenant.organisation_id, user=member.user, role="Owner").save(
        using="auth", force_insert=True
    )
    place = f"/organisations/{tenant.organisation_id}"
    assert member.portal().get(place).status == 200
    assert Door(prefix="/api/portal/v1", token=member.v2().token).get(place).status == 404
    assert Door(prefix="/api/portal/v1", token=member.v2().token).get("/organisations").status == 401
