"""Access tokens: short-lived signed words that say who a person is (RFC 7519, RFC 9068, RFC 8725).

Signed with the platform's Ed25519 key; `typ` and `aud` are checked, so that no other token of the same key
(per-try tokens of tasks) passes for one. A token names a person; what they may do is looked up at each
request, so that a removed member is out at once. Issued by sign-in, read by the doors.
"""

from __future__ import annotations

import functools
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any
from uuid import UUID, uuid4

import jwt
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from cryptography.hazmat.primitives.serialization import load_pem_private_key
from django.conf import settings

TYPE = "at+jwt"
AIRFLOW_AUDIENCE = "apache-airflow"
"""Of tokens that a tenant's Airflow API gave: good in that tenant only."""
PORTAL_AUDIENCE = "aerodrome"
"""Of tokens that the portal gave: good wherever the person is a member."""
DAY_SECONDS = 24 * 3600


class AccessTokenExpired(Exception):
    """It was good, and is over: sign in again."""


class AccessTokenInvalid(Exception):
    """Not a token of ours, or one for another purpose."""


@dataclass(frozen=True, slots=True)
class AccessClaims:
    """What a valid token says. `tenant_id` and `role` are None in a portal token."""

    user_id: UUID
    username: str
    tenant_id: UUID | None
    role: str | None
    audience: str
    token_id: str
    expires_at: datetime
    session_id: UUID | None = None
    """The sign-in that the token falls with."""
    organisation_id: UUID | None = None
    """Whose identity provider vouched for the person: good in that organisation alone."""


def issue_access_token(
    *,
    user_id: UUID,
    username: str,
    now: datetime,
    tenant_id: UUID | None = None,
    role: str | None = None,
    lifetime_seconds: int = DAY_SECONDS,
    session_id: UUID | None = None,
    organisation_id: UUID | None = None,
) -> str:
    """A token for one tenant's Airflow API when `tenant_id` is given, otherwise for the portal. Doors give
    `session_id` (`tenants.sessions.begin_session`): the token opens nothing once that session has ended."""
    issued = int(now.timestamp())
    claims: dict[str, Any] = {
        "iss": settings.BASE_URL,
        "sub": str(user_id),
        "name": username,
        "aud": PORTAL_AUDIENCE if tenant_id is None else AIRFLOW_AUDIENCE,
        "iat": issued,
        "nbf": issued,
        "exp": issued + lifetime_seconds,
        "jti": uuid4().hex,
    }
    if tenant_id is not None:
        claims |= {"tid": str(tenant_id), "role": role}
    if session_id is not None:
        claims["sid"] = str(session_id)
    if organisation_id is not None:
        claims["oid"] = str(organisation_id)
    private, _ = _keys(settings.SIGNING_KEY)
    return jwt.encode(claims, private, algorithm="EdDSA", headers={"typ": TYPE})


def read_access_token(*, text: str, now: datetime) -> AccessClaims:
    """Check signature, algorithm, type, audience, times. Raises `AccessTokenExpired`, `AccessTokenInvalid`."""
    _, public = _keys(settings.SIGNING_KEY)
    try:
        read = jwt.decode_complete(
            text,
            public,
            algorithms=["EdDSA"],
            audience=[AIRFLOW_AUDIENCE, PORTAL_AUDIENCE],
            # Times are compared with the caller's `now` below; the issuer may be reached by several names.
            options={
                "require": ["sub", "aud", "exp", "iat", "jti"],
                "verify_exp": False,
                "verify_nbf": False,
                "verify_iat": False,
                "verify_iss": False,
            },
        )
        claims = read["payload"]
        if read["header"].get("typ") != TYPE or not isinstance(claims["aud"], str):
            raise AccessTokenInvalid("the token is for another purpose")
        tenant_id = claims.get("tid")
        if (claims["aud"] == AIRFLOW_AUDIENCE) != (tenant_id is not None):
            raise AccessTokenInvalid("the token is for another purpose")
        found = AccessClaims(
            user_id=UUID(claims["sub"]),
            username=str(claims.get("name", "")),
            tenant_id=UUID(tenant_id) if tenant_id is not None else None,
            role=claims.get("role"),
            audience=claims["aud"],
            token_id=str(claims["jti"]),
            expires_at=datetime.fromtimestamp(int(claims["exp"]), tz=UTC),
            session_id=UUID(claims["sid"]) if "sid" in claims else None,
            organisation_id=UUID(claims["oid"]) if "oid" in claims else None,
        )
        not_before = int(claims.get("nbf", 0))
    except (jwt.InvalidTokenError, ValueError, TypeError, AttributeError, OverflowError) as error:
        raise AccessTokenInvalid("the token is not one of this platform") from error
    if found.expires_at <= now:
        raise AccessTokenExpired("the token has expired: sign in again")
    if not_before > now.timestamp() + 60:
        raise AccessTokenInvalid("the token is not valid yet")
    return found


@functools.cache
def _keys(pem: str) -> tuple[Ed25519PrivateKey, Ed25519PublicKey]:
    key = load_pem_private_key(pem.encode(), password=None)
    if not isinstance(key, Ed25519PrivateKey):
        raise TypeError("AERODROME_SIGNING_KEY must be an Ed25519 private key in PEM")
    return key, key.public_key()
