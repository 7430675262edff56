"""`Idempotency-Key`: a POST is done once, whatever becomes of its answer."""

from __future__ import annotations

from typing import Any

import pytest

from api.portal import repeats
from controlplane.foundation.clock import utc_now
from tenants.models.kept_answer import KeptAnswer
from tenants.models.tenant import Tenant
from tenants.models.token import Token
from tenants.scope import tenant_scope
from tests.support.actors import Actor, Answer
from tests.support.sessions import another_session

BODY = {"kind": "api", "name": "ci", "role": "Viewer", "lifetime_days": 1}


def _post(
    actor: Actor, at: Tenant, key: str, body: dict[str, Any] | None = None, path: str = "tokens"
) -> Answer:
    return actor.portal().post(f"/tenants/{at.slug}/{path}", body or BODY, idempotency_key=key)


def _tokens(tenant: Tenant) -> int:
    with tenant_scope(tenant.id):
        return Token.objects.count()


def test_the_same_request_again_gets_the_same_answer(tenant: Tenant, member: Actor) -> None:
    before = _tokens(tenant)
    first = _post(member, tenant, "k-1")
    again = _post(member, tenant, "k-1")
    assert (first.status, again.status) == (201, 201)
    assert again.body == first.body, "also what is shown once"
    assert (first.headers.get("Idempotency-Replayed"), again.headers["Idempotency-Replayed"]) == (
        None,
        "true",
    )
    assert _tokens(tenant) == before + 1
    assert _post(member, tenant, "k-2").body != first.body
    with tenant_scope(tenant.id):
        kept = KeptAnswer.objects.get(key="k-1")
    assert first["token"].encode() not in bytes(kept.sealed), "it is sealed"


def test_another_request_with_the_key_is_refused(tenant: Tenant, member: Actor) -> None:
    _post(member, tenant, "k")
    before = _tokens(tenant)
    other = _post(member, tenant, "k", {**BODY, "name": "other"})
    assert (other.status, other["code"]) == (422, "idempotency-key-reused")
    assert _tokens(tenant) == before


def test_a_refusal_is_not_kept(tenant: Tenant, member: Actor) -> None:
    wrong = _post(member, tenant, "k", {**BODY, "role": "nobody"})
    assert wrong.status == 422
    assert _post(member, tenant, "k").status == 201


def test_what_a_refused_request_began_is_taken_back(
    tenant: Tenant, member: Actor, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The work and the kept answer commit together, or not at all."""
    before = _tokens(tenant)

    def break_down(*args: Any, **kwargs: Any) -> None:
        raise RuntimeError("the process ends here")

    monkeypatch.setattr(repeats, "_keep", break_down)
    assert _post(member, tenant, "k").status == 500
    assert _tokens(tenant) == before
    monkeypatch.undo()
    assert _post(member, tenant, "k").headers.get("Idempotency-Replayed") is None


def test_while_the_first_is_at_work(tenant: Tenant, member: Actor, superuser: Any) -> None:
    name = f"repeat:{tenant.id}:{member.user.id}:k"
    with another_session(superuser) as first:
        first.execute("SELECT pg_advisory_xact_lock(hashtextextended(%s, 7411))", [name])
        second = _post(member, tenant, "k")
        assert (second.status, second["code"]) == (409, "idempotency-in-flight")
        assert second.headers["Retry-After"] == "1"
    assert _post(member, tenant, "k").status == 201


def test_keys_expire(tenant: Tenant, member: Actor) -> None:
    first = _post(member, tenant, "k")
    with tenant_scope(tenant.id):
        KeptAnswer.objects.update(expires_at=utc_now())
    assert _post(member, tenant, "k").body != first.body
    with tenant_scope(tenant.id):
        assert KeptAnswer.objects.count() == 1, "the old one is forgotten"


@pytest.mark.parametrize("key", ["", "x" * 256, "with space", "é"])
def test_malformed_keys(tenant: Tenant, member: Actor, key: str) -> None:
    before = _tokens(tenant)
    answer = _post(member, tenant, key)
    assert (answer.status, answer["code"]) == (422, "idempotency-key-malformed")
    assert _tokens(tenant) == before


def test_keys_are_everybodys_own(
    tenant: Tenant, member: Actor, viewer: Actor, stranger: Actor, actor: Any
) -> None:
    colleague = actor("Admin")
    first = _post(member, tenant, "k")
    assert _post(colleague, tenant, "k").body != first.body
    assert _post(viewer, tenant, "k").status == 403
    assert _post(stranger, tenant, "k").status == 404
    theirs = _post(stranger, stranger.tenant, "k")
    assert (theirs.status, theirs["token"] != first["token"]) == (201, True)
