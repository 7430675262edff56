"""POST /sign-up, POST /sign-in, GET /me, POST /tenants."""

from __future__ import annotations

import pytest
from django.test import override_settings

from controlplane.foundation.clock import utc_now
from controlplane.ledger.models.pool import Pool
from controlplane.ledger.models.runtime import Runtime
from tenants.models.tenant import Tenant
from tenants.models.user import User
from tenants.scope import tenant_scope
from tenants.tokens import verify_token
from tests.support.actors import Actor, Answer, Door

BODY = {
    "username": "mia",
    "email": "mia@example.com",
    "password": "a long password",
    "tenant": "alpha",
    "tenant_name": "Alpha team",
}


@pytest.fixture
def portal(database: None) -> Door:
    return Door(prefix="/api/portal/v1", token=None)


def signed_in(answer: Answer) -> Door:
    return Door(prefix="/api/portal/v1", token=answer["access_token"])


def test_a_newcomer_has_all_they_need(portal: Door) -> None:
    answer = portal.post("/sign-up", BODY)
    assert answer.status == 201
    assert answer["tenant"]["state"] == "active"
    assert answer["git"]["url"].endswith("/t/alpha/git")
    subject = verify_token(text=answer["git"]["token"], kind="git", now=utc_now())
    assert subject is not None and subject.tenant_slug == "alpha"
    me = signed_in(answer).get("/me")
    assert [(tenant["slug"], tenant["role"]) for tenant in me["tenants"]] == [("alpha", "Owner")]
    with tenant_scope(Tenant.objects.using("auth").get(slug="alpha").id):
        assert Pool.objects.filter(name="default_pool").exists()
        assert Runtime.objects.get().state == "queued"


def test_the_token_opens_the_airflow_api(portal: Door) -> None:
    answer = portal.post("/sign-up", BODY)
    assert Door(prefix="/t/alpha/api/v2", token=answer["access_token"]).get("/dags")["total_entries"] == 0


@pytest.mark.parametrize(
    ("change", "status", "code"),
    [
        ({"username": "a b"}, 422, "username-invalid"),
        ({"email": "nowhere"}, 422, "email-invalid"),
        ({"password": "short"}, 422, "password-weak"),
        ({"password": "aaaaaaaaaaaaa"}, 422, "password-weak"),
        ({"tenant": "Not A Slug"}, 422, "slug-invalid"),
        ({"tenant": "api"}, 422, "slug-reserved"),
        ({"tenant": None}, 422, "malformed"),
        ({"username": ""}, 422, "malformed"),
    ],
)
def test_refusals_make_nothing(portal: Door, change: dict[str, str], status: int, code: str) -> None:
    answer = portal.post("/sign-up", {**BODY, **change})
    assert (answer.status, answer["code"]) == (status, code)
    assert answer.headers["Content-Type"] == "application/problem+json"
    assert not User.objects.using("auth").exists()
    assert not Tenant.objects.using("auth").exists()


def test_names_are_given_once(portal: Door) -> None:
    portal.post("/sign-up", BODY)
    taken = portal.post("/sign-up", {**BODY, "username": "noa"})
    assert (taken.status, taken["code"]) == (409, "slug-taken")
    assert not User.objects.using("auth").filter(username="noa").exists()
    taken = portal.post("/sign-up", {**BODY, "tenant": "beta"})
    assert (taken.status, taken["code"]) == (409, "username-taken")
    assert not Tenant.objects.using("auth").filter(slug="beta").exists()


def test_signing_in(portal: Door) -> None:
    portal.post("/sign-up", BODY)
    answer = portal.post("/sign-in", {"username": "mia", "password": BODY["password"]})
    assert answer.status == 200
    assert signed_in(answer).get("/me")["user"] == answer["user"]
    assert (answer["user"]["username"], answer["user"]["email_verified"]) == ("mia", False)
    for body in (
        {"username": "mia", "password": "a wrong password"},
        {"username": "nobody", "password": BODY["password"]},
    ):
        refused = portal.post("/sign-in", body)
        assert (refused.status, refused["code"]) == (401, "sign-in-refused")


def test_guessing_is_slowed_down_and_the_owner_gets_in_from_elsewhere(portal: Door) -> None:
    portal.post("/sign-up", BODY)
    for _ in range(10):
        assert portal.post("/sign-in", {"username": "mia", "password": "wrong"}).status == 401
    right = {"username": "mia", "password": BODY["password"]}
    throttled = portal.post("/sign-in", right)
    assert (throttled.status, throttled["code"]) == (429, "sign-in-throttled")
    assert throttled.headers["Retry-After"] == "900"
    portal._client.defaults["REMOTE_ADDR"] = "198.51.100.7"
    assert portal.post("/sign-in", right).status == 200


def test_another_tenant_of_ones_own(portal: Door) -> None:
    door = signed_in(portal.post("/sign-up", BODY))
    answer = door.post("/tenants", {"slug": "beta", "name": "Second"})
    assert (answer.status, answer["tenant"]["name"]) == (201, "Second")
    assert answer["git"]["token"].startswith("aero_git_")
    again = door.post("/tenants", {"slug": "beta"})
    assert (again.status, again["git"]) == (201, None)
    assert [tenant["slug"] for tenant in door.get("/me")["tenants"]] == ["alpha", "beta"]


def test_somebody_elses_tenant_cannot_be_made_again(tenant: Tenant, stranger: Actor) -> None:
    answer = stranger.portal().post("/tenants", {"slug": tenant.slug})
    assert (answer.status, answer["code"]) == (409, "slug-taken")


def test_nothing_without_a_token(portal: Door) -> None:
    for answer in (portal.get("/me"), portal.post("/tenants", {"slug": "beta"})):
        assert (answer.status, answer["code"]) == (401, "not-authenticated")
        assert answer.headers["WWW-Authenticate"] == "Bearer"


def test_what_is_no_json_is_told(portal: Door) -> None:
    response = portal._client.post("/api/portal/v1/sign-up", b"{", content_type="application/json")
    assert (response.status_code, response.json()["code"]) == (400, "parse-error")
    assert portal.get("/sign-up").status == 405
    assert portal.get("/nothing-here")["code"] == "not-found"


def test_the_openapi_document_names_every_path(portal: Door) -> None:
    answer = portal.get("/schema", {"format": "json"})
    assert answer.status == 200
    paths = answer.body["paths"] if isinstance(answer.body, dict) else {}
    assert "/api/portal/v1/sign-up" in paths
    assert "/api/portal/v1/tenants/{slug}/tokens" in paths


@override_settings(SIGN_UP="invited")
def test_where_accounts_are_made_by_invitation_nobody_signs_up_alone(portal: Door, member: Actor) -> None:
    refused = portal.post("/sign-up", BODY | {"tenant": "other"})
    assert (refused.status, refused["code"]) == (403, "sign-up-closed")
    assert not User.objects.using("auth").filter(username="mia").exists()
    invited = member.portal().post(
        "/tenants/alpha/invitations", {"email": "mia@example.com", "role": "Viewer"}
    )
    token = invited["link"].partition("#token=")[2]
    body = {"token": token, "username": "mia", "password": "a long password"}
    assert portal.post("/invitation/sign-up", body | {"token": "forged"}).status == 422
    made = portal.post("/invitation/sign-up", body)
    assert (made.status, made["role"]) == (201, "Viewer")
    assert portal.post("/sign-in", {"username": "mia", "password": "a long password"}).status == 200
