"""Per-try tokens: ours are read, everything else is refused."""

from __future__ import annotations

import base64
import json
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID, uuid4

import jwt
import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import load_pem_private_key
from django.conf import settings as django_settings
from hypothesis import given, settings
from hypothesis import strategies as st

from controlplane.execution import tokens
from controlplane.execution.tokens import TokenInvalid

NOW = datetime(2026, 5, 1, 12, 0, 0, tzinfo=UTC)
TENANT, TASK = UUID(int=1), UUID(int=2)


def _issue(**change: Any) -> str:
    values: dict[str, Any] = {
        "tenant_id": TENANT,
        "task_instance_id": TASK,
        "epoch": 3,
        "try_number": 2,
        "now": NOW,
    }
    return tokens.issue(**{**values, **change})


def _parts(token: str) -> tuple[dict[str, Any], dict[str, Any]]:
    header, payload, _ = (base64.urlsafe_b64decode(part + "==") for part in token.split("."))
    return json.loads(header), json.loads(payload)


def _signed(header: dict[str, Any], payload: dict[str, Any], key: Any = None) -> str:
    """Signed with our own key by default: only what is said differs."""
    own = load_pem_private_key(django_settings.SIGNING_KEY.encode(), password=None)
    return jwt.encode(payload, key or own, algorithm="EdDSA", headers=header)


def test_says_who_speaks() -> None:
    claims = tokens.verify(_issue(), now=NOW)
    assert (claims.tenant_id, claims.task_instance_id) == (TENANT, TASK)
    assert (claims.epoch, claims.try_number) == (3, 2)
    assert claims.expires_at - claims.issued_at == timedelta(seconds=600)
    assert claims.token_id != tokens.verify(_issue(), now=NOW).token_id


def test_control_our_own_signature_is_accepted() -> None:
    """What the mutations below start from is accepted when nothing is changed."""
    header, payload = _parts(_issue())
    assert tokens.verify(_signed(header, payload), now=NOW).task_instance_id == TASK


@pytest.mark.parametrize(("seconds", "good"), [(-11, False), (-9, True), (609, True), (610, False)])
def test_time(seconds: int, good: bool) -> None:
    token, at = _issue(), NOW + timedelta(seconds=seconds)
    if good:
        tokens.verify(token, now=at)
    else:
        with pytest.raises(TokenInvalid):
            tokens.verify(token, now=at)


@pytest.mark.parametrize(
    "change",
    [
        {"typ": "JWT"},
        {"typ": "at+jwt"},
        {"typ": None},
        {"kid": "1"},
        {"kid": "../../etc/passwd"},
        {"jku": "https://example.com/keys"},
        {"jwk": {}},
        {"crit": ["exp"]},
    ],
)
def test_header(change: dict[str, Any]) -> None:
    header, payload = _parts(_issue())
    with pytest.raises(TokenInvalid):
        tokens.verify(_signed({**header, **change}, payload), now=NOW)


@pytest.mark.parametrize(
    "change",
    [
        {"aud": "urn:aerodrome:api"},
        {"aud": None},
        {"aud": ["urn:other"]},
        {"tid": "x"},
        {"tid": None},
        {"tid": 7},
        {"sub": None},
        {"sub": "abc"},
        {"epoch": "3"},
        {"epoch": None},
        {"epoch": 3.0},
        {"epoch": True},
        {"try": None},
        {"jti": None, "epoch": []},
        {"exp": None},
        {"iat": None},
        {"exp": int(NOW.timestamp()) + 86_400},
        {"exp": 10**30, "iat": 10**30},
        {"exp": "soon"},
    ],
)
def test_claims(change: dict[str, Any]) -> None:
    header, payload = _parts(_issue())
    said = {**payload, **change}
    without = {name: value for name, value in said.items() if value is not None}
    for payload in (said, without):
        try:
            token = _signed(header, payload)
        except TypeError:
            continue
        with pytest.raises(TokenInvalid):
            tokens.verify(token, now=NOW)


def test_another_key_and_another_algorithm() -> None:
    header, payload = _parts(_issue())
    with pytest.raises(TokenInvalid):
        tokens.verify(_signed(header, payload, Ed25519PrivateKey.generate()), now=NOW)

    def unsigned(algorithm: str, signature: bytes = b"") -> str:
        told = [json.dumps({**header, "alg": algorithm}).encode(), json.dumps(payload).encode(), signature]
        return ".".join(base64.urlsafe_b64encode(part).rstrip(b"=").decode() for part in told)

    public = tokens._public_key(django_settings.SIGNING_KEY)
    secret = public.public_bytes_raw()
    for algorithm in ("none", "None", "NONE", "HS256", "EdDSA", "Ed25519", "RS256", ""):
        with pytest.raises(TokenInvalid):
            tokens.verify(unsigned(algorithm), now=NOW)
    hmac = jwt.encode(payload, secret, algorithm="HS256", headers={"typ": tokens.TYPE})
    with pytest.raises(TokenInvalid):
        tokens.verify(hmac, now=NOW)


@given(data=st.data())
@settings(max_examples=300, deadline=None)
def test_mutations(data: st.DataObject) -> None:
    """Any changed, cut or inserted character is refused, unless it encodes the very same bytes."""
    token = _issue()
    at = data.draw(st.integers(0, len(token) - 1))
    how = data.draw(st.sampled_from(["change", "cut", "insert"]))
    letter = data.draw(st.characters(codec="utf-8"))
    mutated = {
        "change": token[:at] + letter + token[at + 1 :],
        "cut": token[:at],
        "insert": token[:at] + letter + token[at:],
    }[how]
    try:
        claims = tokens.verify(mutated, now=NOW)
    except TokenInvalid:
        return
    assert claims == tokens.verify(token, now=NOW)
    assert mutated.rsplit(".", 1)[0] == token.rsplit(".", 1)[0], "what was signed is unchanged"


@pytest.mark.parametrize(
    "garbage", ["", ".", "..", "a.b.c", "é", "x" * 5000, "\x00", "eyJhbGciOiJFZERTQSJ9.e30."]
)
def test_garbage(garbage: str) -> None:
    with pytest.raises(TokenInvalid):
        tokens.verify(garbage, now=NOW)


def test_refresh() -> None:
    claims = tokens.verify(_issue(), now=NOW)
    assert tokens.refreshed(claims, now=NOW + timedelta(seconds=300)) is None
    later = NOW + timedelta(seconds=301)
    fresh = tokens.refreshed(claims, now=later)
    assert fresh is not None
    again = tokens.verify(fresh, now=later + timedelta(seconds=600))
    assert (again.tenant_id, again.task_instance_id, again.epoch, again.try_number) == (TENANT, TASK, 3, 2)


def test_a_whole_day_of_refreshes() -> None:
    """A task that runs for 26 hours and beats every 4 minutes never holds a dead token."""
    token, at, task = _issue(task_instance_id=(task := uuid4())), NOW, task
    for _ in range(26 * 15):
        at += timedelta(minutes=4)
        claims = tokens.verify(token, now=at)
        token = tokens.refreshed(claims, now=at) or token
    assert claims.task_instance_id == task
