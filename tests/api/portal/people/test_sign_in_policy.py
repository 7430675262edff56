"""A second factor is required: by a tenant, by its organisation; who has none is led to set one up."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from django.conf import settings

from controlplane.foundation.clock import utc_now
from tenants.access import find_access
from tenants.access_tokens import issue_access_token
from tenants.deletion import begin_deletion
from tenants.models.identity_provider import IdentityProvider
from tenants.models.organisation import Organisation
from tenants.models.organisation_member import OrganisationMember
from tenants.models.sign_in_session import SignInSession
from tenants.models.tenant import Tenant
from tenants.models.user import User
from tenants.scope import tenant_scope
from tenants.sessions import begin_session
from tenants.tokens import issue_token
from tests.support.actors import Actor, Answer, Door
from tests.support.audit_rows import audit_rows, platform_rows
from tests.support.factories import make_member, make_person
from tests.support.soft_key import SoftKey

PASSWORD = "seven tall ships"
POLICY = "/tenants/alpha/sign-in-policy"
ON = {"require_second_factor": True}
OFF = {"require_second_factor": False}


@pytest.fixture
def owner(tenant: Tenant) -> Actor:
    """The organisation's, who is the tenant's as well; with a password."""
    row = OrganisationMember.objects.using("auth").get(organisation_id=tenant.organisation_id, role="Owner")
    row.user.set_password(PASSWORD)
    row.user.save(using="auth")
    return Actor(user=row.user, tenant=tenant, role="Owner")


@pytest.fixture
def author(tenant: Tenant) -> Actor:
    user = make_member(tenant=tenant, role="Author", user=make_person("arthur", PASSWORD))
    return Actor(user=user, tenant=tenant, role="Author")


def add_key(door: Door) -> Answer:
    begun = door.post("/me/factors/key", {"password": PASSWORD})
    key = SoftKey(settings.BASE_URL)
    body = {"challenge": begun["challenge"], "answer": key.create(begun["options"])}
    return door.post("/me/factors/key/confirm", body)


def require(owner: Actor, place: str = POLICY) -> None:
    assert add_key(owner.portal()).status == 201
    answer = owner.portal().call("PUT", place, ON)
    assert (answer.status, answer["require_second_factor"]) == (200, True), answer.body


def organisation_policy(tenant: Tenant) -> str:
    return f"/organisations/{tenant.organisation_id}/sign-in-policy"


def test_who_has_none_is_led_to_set_one_up_and_refused_elsewhere(
    tenant: Tenant, owner: Actor, author: Actor
) -> None:
    portal, airflow = author.portal(), author.v2()
    assert portal.get("/tenants/alpha").status == airflow.get("/dags").status == 200
    require(owner)
    refused = portal.get("/tenants/alpha")
    assert (refused.status, refused["code"]) == (403, "second-factor-required")
    assert "/me/factors" in refused["detail"]
    assert airflow.get("/dags").status == 403 and "second factor" in airflow.get("/dags")["detail"]
    assert portal.post("/tenants/alpha/tokens", {"name": "x"}).status == 403
    # What is their own stays open, and with a factor so does the tenant.
    assert portal.get("/me")["tenants"][0]["slug"] == "alpha"
    assert portal.get("/me/factors").status == 200
    assert add_key(portal).status == 201
    assert portal.get("/tenants/alpha").status == airflow.get("/dags").status == 200
    # Without it again, so are they out again.
    [factor] = portal.get("/me/factors")["factors"]
    assert portal.post(f"/me/factors/{factor['id']}/remove", {"password": PASSWORD}).status == 204
    assert portal.get("/tenants/alpha")["code"] == "second-factor-required"
    assert owner.portal().call("PUT", POLICY, OFF).status == 200
    assert portal.get("/tenants/alpha").status == 200


def test_an_airflow_client_is_told_so_at_its_sign_in(tenant: Tenant, owner: Actor, author: Actor) -> None:
    place = Door(prefix="/t/alpha", token=None)
    body = {"username": "arthur", "password": PASSWORD}
    assert place.post("/auth/token", body).status == 201
    require(owner)
    refused = place.post("/auth/token", body)
    assert (refused.status, "second factor" in refused["detail"]) == (401, True)


def test_strangers_hear_nothing_of_it(tenant: Tenant, owner: Actor, stranger: Actor) -> None:
    require(owner)
    for method, path in (("GET", "/tenants/alpha"), ("GET", POLICY), ("PUT", POLICY)):
        here = stranger.portal().call(method, path, None if method == "GET" else ON)
        there = stranger.portal().call(
            method, path.replace("alpha", "nosuch"), None if method == "GET" else ON
        )
        assert here.status == there.status == 404
        assert str(here.body).replace("alpha", "nosuch") == str(there.body)


def test_who_may_require_it(tenant: Tenant, member: Actor, viewer: Actor, stranger: Actor) -> None:
    assert member.portal().get(POLICY).body == {**OFF, "by_organisation": False, "without": 3}
    assert viewer.portal().get(POLICY).status == 403
    place = organisation_policy(tenant)
    for actor, status in ((member, 403), (viewer, 403), (stranger, 404)):
        assert actor.portal().call("PUT", POLICY, ON).status == status
        assert actor.portal().call("PUT", place, ON).status == 404
    for role in ("Member", "Billing", "Admin"):
        user = make_person()
        OrganisationMember(organisation_id=tenant.organisation_id, user=user, role=role).save(
            using="auth", force_insert=True
        )
        door = Actor(user=user, tenant=tenant, role="").portal()
        assert door.call("PUT", place, ON)["code"] == "permission-missing"
        assert door.get(place).status == (200 if role == "Admin" else 403)
    tenant.refresh_from_db(using="auth")
    assert tenant.require_second_factor is False


@pytest.mark.parametrize("body", [{}, {"require_second_factor": "maybe"}, {"require_second_factor": None}])
def test_a_wrong_word_changes_nothing(tenant: Tenant, owner: Actor, body: dict[str, Any]) -> None:
    for place in (POLICY, organisation_policy(tenant)):
        answer = owner.portal().call("PUT", place, body)
        assert (answer.status, list(answer["errors"])) == (422, ["require_second_factor"])


def test_nobody_locks_themselves_out(tenant: Tenant, owner: Actor) -> None:
    for place in (POLICY, organisation_policy(tenant)):
        refused = owner.portal().call("PUT", place, ON)
        assert (refused.status, refused["code"]) == (409, "own-factor-missing")
    assert owner.portal().get("/tenants/alpha").status == 200


def test_an_organisation_requires_it_in_all_its_tenants(
    tenant: Tenant, owner: Actor, author: Actor, stranger: Actor
) -> None:
    require(owner, organisation_policy(tenant))
    assert author.portal().get("/tenants/alpha")["code"] == "second-factor-required"
    assert owner.portal().get(POLICY)["by_organisation"] is True
    [factor] = owner.portal().get("/me/factors")["factors"]
    owner.portal().post(f"/me/factors/{factor['id']}/remove", {"password": PASSWORD})
    assert owner.portal().post("/tenants", {"slug": "further"})["code"] == "second-factor-required"
    add_key(owner.portal())
    OrganisationMember.objects.using("auth").filter(user=author.user).update(role="Admin")
    OrganisationMember.objects.using("auth").get_or_create(
        organisation_id=tenant.organisation_id, user=author.user, defaults={"role": "Admin"}
    )
    place = f"/organisations/{tenant.organisation_id}"
    assert author.portal().get(place)["code"] == "second-factor-required"
    assert author.portal().get("/organisations").status == 200
    assert stranger.portal().get("/tenants/omega").status == 200  # another organisation's


def test_machines_and_those_whom_a_provider_vouches_for_are_not_asked(
    tenant: Tenant, owner: Actor, author: Actor
) -> None:
    with tenant_scope(tenant.id):
        machine = issue_token(kind="api", name="ci", role="Author", created_by="ada", now=utc_now()).text
    require(owner)
    assert Door(prefix="/t/alpha/api/v2", token=machine).get("/dags").status == 200
    provider = IdentityProvider(
        organisation_id=tenant.organisation_id, kind="oidc", name="ours", issuer="x", created_at=utc_now()
    )
    provider.save(using="auth", force_insert=True)
    vouched = issue_access_token(
        user_id=author.user.id,
        username="arthur",
        now=utc_now(),
        organisation_id=tenant.organisation_id,
    )
    assert Door(prefix="/api/portal/v1", token=vouched).get("/tenants/alpha").status == 200


def test_undoing_a_deletion_asks_for_it_too(tenant: Tenant, owner: Actor) -> None:
    access = find_access(user_id=owner.user.id, slug="alpha")
    assert access is not None
    begin_deletion(by=access, confirm="alpha", now=utc_now(), freeze=lambda: None)
    Tenant.objects.using("auth").filter(id=tenant.id).update(require_second_factor=True)
    assert owner.portal().delete("/tenants/alpha/deletion")["code"] == "second-factor-required"


def test_the_first_factor_ends_the_sign_ins_made_without_one(tenant: Tenant, author: Actor) -> None:
    def signed_in() -> Door:
        now = utc_now()
        session = begin_session(user_id=author.user.id, method="password", address="", user_agent="", now=now)
        token = issue_access_token(user_id=author.user.id, username="arthur", now=now, session_id=session)
        return Door(prefix="/api/portal/v1", token=token)

    here, elsewhere = signed_in(), signed_in()
    assert add_key(here).status == 201
    assert here.get("/me").status == 200
    assert elsewhere.get("/me").status == 401
    third = signed_in()
    assert add_key(here).status == 201  # a second one ends nothing
    assert third.get("/me").status == 200
    assert SignInSession.objects.using("auth").filter(ended_because="second factor set up").count() == 1


def test_it_is_told_of_in_the_audit(tenant: Tenant, owner: Actor) -> None:
    require(owner)
    require(owner, organisation_policy(tenant))
    owner.portal().call("PUT", POLICY, ON)  # again: no change, no row
    [row] = audit_rows(tenant, action="sign_in_policy.changed")
    assert (row["before"], row["after"], row["actor"]) == (OFF, ON, owner.user.username)
    [row] = platform_rows(action="sign_in_policy.changed")
    assert (row["before"], row["after"]) == (OFF, ON)
    assert row["target"] == f"organisation:{tenant.organisation_id}"


def test_the_negative_control(tenant: Tenant, owner: Actor, author: Actor, count: Callable[[], int]) -> None:
    """How many have none is counted of those who are there, and factors that were only begun do not count."""
    assert count() == 2
    author.portal().post("/me/factors/totp", {"password": PASSWORD})
    assert count() == 2
    add_key(author.portal())
    assert count() == 1
    User.objects.using("auth").filter(id=owner.user.id).update(is_active=False)
    assert count() == 0
    assert Organisation.objects.using("auth").get(id=tenant.organisation_id).require_second_factor is False


@pytest.fixture
def count(tenant: Tenant) -> Callable[[], int]:
    from tenants.sign_in_policy import policy_of_tenant

    return lambda: policy_of_tenant(tenant_id=tenant.id).without
