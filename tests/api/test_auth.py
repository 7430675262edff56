"""POST /auth/token and /auth/token/cli; what each kind of bearer opens; /version and /monitor/health."""

from __future__ import annotations

from datetime import timedelta

import jwt
import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from django.conf import settings
from django.test import Client

from controlplane.foundation import heartbeats
from controlplane.foundation.clock import utc_now
from tenants.access_tokens import (
    AccessTokenExpired,
    AccessTokenInvalid,
    issue_access_token,
    read_access_token,
)
from tenants.models.membership import Membership
from tenants.models.tenant import Tenant
from tenants.models.user import User
from tenants.scope import tenant_scope
from tenants.tokens import issue_token
from tests.support.actors import Actor, Door
from tests.support.factories import make_member, make_person

PASSWORD = "a long enough password"


@pytest.fixture
def person(tenant: Tenant) -> User:
    return make_member(tenant=tenant, role="Op", user=make_person("mia", PASSWORD))


def door(slug: str, token: str | None = None) -> Door:
    return Door(prefix=f"/t/{slug}", token=token)


@pytest.mark.parametrize(("path", "seconds"), [("/auth/token", 86400), ("/auth/token/cli", 3600)])
def test_a_password_gives_a_token(tenant: Tenant, person: User, path: str, seconds: int) -> None:
    answer = door("alpha").post(path, {"username": "mia", "password": PASSWORD})
    assert answer.status == 201
    claims = jwt.decode(answer["access_token"], options={"verify_signature": False})
    assert (claims["sub"], claims["aud"], claims["role"]) == (str(person.id), "apache-airflow", "Op")
    assert claims["exp"] - claims["iat"] == seconds
    assert door("alpha", answer["access_token"]).get("/api/v2/dags").status == 200


def test_a_form_works_as_well(tenant: Tenant, person: User) -> None:
    answer = Client().post("/t/alpha/auth/token", {"username": "mia", "password": PASSWORD})
    assert answer.status_code == 201


@pytest.mark.parametrize(
    ("slug", "username", "password"),
    [
        ("alpha", "mia", "wrong"),
        ("alpha", "nobody", PASSWORD),
        ("omega", "mia", PASSWORD),
        ("nosuch", "mia", PASSWORD),
        ("alpha", "mia\x00", PASSWORD),
    ],
)
def test_every_refusal_is_the_same(
    person: User, other_tenant: Tenant, slug: str, username: str, password: str
) -> None:
    answer = door(slug).post("/auth/token", {"username": username, "password": password})
    assert (answer.status, answer.body) == (401, {"detail": "Invalid credentials"})


def test_malformed_sign_ins(tenant: Tenant) -> None:
    assert door("alpha").post("/auth/token", {"username": "mia"}).status == 422
    assert door("alpha").post("/auth/token", {"username": "mia", "password": "x", "more": 1}).status == 422
    assert Client().post("/t/alpha/auth/token", b"{", content_type="application/json").status_code == 422
    assert Client().post("/t/alpha/auth/token", b"x", content_type="text/plain").status_code == 415
    assert door("alpha").get("/auth/token").status == 403


def test_guessing_is_slowed_down(tenant: Tenant, person: User) -> None:
    for _ in range(10):
        door("alpha").post("/auth/token", {"username": "mia", "password": "wrong"})
    answer = door("alpha").post("/auth/token", {"username": "mia", "password": PASSWORD})
    assert (answer.status, answer.headers["Retry-After"]) == (429, "900")


def test_who_leaves_or_is_switched_off_is_out_at_once(tenant: Tenant, member: Actor) -> None:
    token = member.v2().token
    assert door("alpha", token).get("/api/v2/dags").status == 200
    User.objects.using("auth").filter(id=member.user.id).update(is_active=False)
    assert door("alpha", token).get("/api/v2/dags").status == 404
    User.objects.using("auth").filter(id=member.user.id).update(is_active=True)
    Membership.objects.using("auth").filter(user=member.user).update(role="Viewer")
    assert door("alpha", token).post("/api/v2/pools", {"name": "p", "slots": 1}).status == 403
    Membership.objects.using("auth").filter(user=member.user).delete()
    assert door("alpha", token).get("/api/v2/dags").status == 404
    assert door("alpha", member.portal().token).get("/api/v2/dags").status == 404


def test_a_tenant_that_is_not_active_is_not_there(tenant: Tenant, member: Actor) -> None:
    Tenant.objects.using("auth").filter(id=tenant.id).update(state="suspended")
    assert member.v2().get("/dags").body == {"detail": "Not Found"}


def test_an_expired_token(tenant: Tenant, member: Actor) -> None:
    old = issue_access_token(
        user_id=member.user.id,
        username="x",
        tenant_id=tenant.id,
        now=utc_now() - timedelta(days=2),
    )
    answer = door("alpha", old).get("/api/v2/dags")
    assert (answer.status, answer.body) == (401, {"detail": "Token Expired"})


def _forged(member: Actor, tenant: Tenant, **change: object) -> str:
    """A token like ours but for one thing."""
    now = int(utc_now().timestamp())
    claims = {"sub": str(member.user.id), "aud": "apache-airflow", "tid": str(tenant.id), "role": "Owner"}
    claims |= {"iat": now, "nbf": now, "exp": now + 60, "jti": "x", **change.pop("claims", {})}  # type: ignore[dict-item]
    key = change.pop("key", settings.SIGNING_KEY)
    headers = {"typ": change.pop("typ", "at+jwt")}
    wanted = {name: value for name, value in claims.items() if value is not None}
    return jwt.encode(wanted, key, algorithm=str(change.pop("algorithm", "EdDSA")), headers=headers)  # type: ignore[arg-type]


def test_the_forger_can_make_a_good_one(tenant: Tenant, member: Actor) -> None:
    """So that the refusals below are for the one thing that differs."""
    assert door("alpha", _forged(member, tenant)).get("/api/v2/dags").status == 200


@pytest.mark.parametrize(
    "change",
    [
        {"key": Ed25519PrivateKey.generate()},
        {"key": "", "algorithm": "none"},
        {"key": "x" * 64, "algorithm": "HS256"},
        {"typ": "JWT"},
        {"typ": "try+jwt"},
        {"claims": {"aud": "urn:airflow.apache.org:task"}},
        {"claims": {"aud": ["apache-airflow", "aerodrome"]}},
        {"claims": {"aud": "aerodrome"}},
        {"claims": {"tid": None}},
        {"claims": {"tid": "x"}},
        {"claims": {"sub": "mia"}},
        {"claims": {"exp": None}},
        {"claims": {"jti": None}},
        {"claims": {"nbf": 2**40}},
    ],
)
def test_what_is_not_ours_is_refused(tenant: Tenant, member: Actor, change: dict[str, object]) -> None:
    answer = door("alpha", _forged(member, tenant, **change)).get("/api/v2/dags")
    assert (answer.status, answer.body) == (403, {"detail": "Invalid JWT token"})


@pytest.mark.parametrize("text", ["x", "a.b.c", "aero_api_" + "x" * 43, "aero_git_" + "x" * 43, "é" * 20])
def test_nonsense_is_refused(tenant: Tenant, text: str) -> None:
    assert door("alpha", text).get("/api/v2/dags").status == 403


def test_expiry_is_judged_by_the_callers_clock(member: Actor) -> None:
    now = utc_now()
    token = issue_access_token(user_id=member.user.id, username="x", now=now, lifetime_seconds=60)
    assert read_access_token(text=token, now=now + timedelta(seconds=58)).user_id == member.user.id
    with pytest.raises(AccessTokenExpired):
        read_access_token(text=token, now=now + timedelta(seconds=61))
    with pytest.raises(AccessTokenInvalid):
        read_access_token(text=token + "x", now=now)


def test_version_and_health_are_open_and_tell_no_tenant(tenant: Tenant) -> None:
    for slug in ("alpha", "nosuch"):
        assert door(slug).get("/api/v2/version").body == {"version": "3.3.2", "git_version": None}
        health = door(slug).get("/api/v2/monitor/health")
        assert (health.status, health["metadatabase"]) == (200, {"status": "healthy"})
        assert health["scheduler"] == {"status": "unhealthy", "latest_scheduler_heartbeat": None}
        assert health["triggerer"] == {"status": None, "latest_triggerer_heartbeat": None}


def test_health_hears_the_scheduler(tenant: Tenant) -> None:
    now = utc_now()
    heartbeats.beat(service="scheduler", now=now)
    told = door("alpha").get("/api/v2/monitor/health")["scheduler"]
    assert told == {"status": "healthy", "latest_scheduler_heartbeat": now.isoformat()}
    heartbeats.beat(service="scheduler", now=now - timedelta(minutes=5))
    assert door("alpha").get("/api/v2/monitor/health")["scheduler"]["status"] == "unhealthy"


def test_a_wrong_method_and_an_unknown_path(tenant: Tenant, member: Actor) -> None:
    answer = member.v2().delete("/dags")
    assert (answer.status, answer.body) == (405, {"detail": "Method Not Allowed"})
    answer = member.v2().get("/nothing")
    assert (answer.status, answer.body) == (404, {"detail": "Not Found"})


def test_logging_out_ends_the_sign_in_of_the_token(tenant: Tenant, person: User, member: Actor) -> None:
    """Every token of that sign-in, and no other; who brings none, or nonsense, is led to the portal as well."""
    body = {"username": "mia", "password": PASSWORD}
    here, elsewhere = (door("alpha", door("alpha").post("/auth/token", body)["access_token"]) for _ in "ab")
    for token in (None, "nonsense"):
        assert door("alpha", token).get("/api/v2/auth/logout").status == 307
    assert here.get("/api/v2/dags").status == 200
    assert here.get("/api/v2/auth/logout").status == 307
    assert here.get("/api/v2/dags").status == 403
    assert here.get("/api/v2/auth/logout").status == 307  # again
    assert elsewhere.get("/api/v2/dags").status == 200
    assert member.v2().get("/dags").status == 200


def test_logging_out_keeps_an_api_token(tenant: Tenant) -> None:
    with tenant_scope(tenant.id):
        text = issue_token(kind="api", name="ci", role="Viewer", created_by="ada", now=utc_now()).text
    assert door("alpha", text).get("/api/v2/auth/logout").status == 307
    assert door("alpha", text).get("/api/v2/dags").status == 200
