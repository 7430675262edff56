"""Per-try tokens: what a task's supervisor signs in with at the Task Execution API.

A token names tenant, task instance and epoch, is signed with Ed25519, and lives TTL_SECONDS. It says who
speaks, never that he may still speak: the API compares tenant, epoch and state with the row on every call, so
that a token is dead as soon as its try is over or superseded. While the try runs, answers bring a new token
once half of the old one's life is gone (header `Refreshed-API-Token`, which Airflow's client reads).

One algorithm, one key, a type and an audience of its own: a token made for something else with the same key
is refused. Source: RFC 8725 (JWT best current practices), RFC 8037 (EdDSA); RELIABILITY 2.3 (70), 4.4.
"""

from __future__ import annotations

import base64
import os
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cache
from typing import Any
from uuid import UUID

import jwt
import msgspec
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from cryptography.hazmat.primitives.serialization import load_pem_private_key
from django.conf import settings

TYPE = "cp-task+jwt"
AUDIENCE = "urn:aerodrome:execution"
ALGORITHM = "EdDSA"
TTL_SECONDS = 600
LEEWAY_SECONDS = 10
REFRESH_BELOW_SECONDS = TTL_SECONDS // 2
MAX_LENGTH = 2048

_HEADER = base64.urlsafe_b64encode(f'{{"alg":"{ALGORITHM}","typ":"{TYPE}"}}'.encode()).rstrip(b"=")


class TokenInvalid(ValueError):
    """Not a token that this control plane made for a try, or its time is over. The message is for logs."""


class SigningKeyMalformed(ValueError):
    """The setting SIGNING_KEY is not an Ed25519 private key in PEM."""


@dataclass(frozen=True)
class Claims:
    """Who speaks: one attempt of one task instance of one tenant."""

    tenant_id: UUID
    task_instance_id: UUID
    epoch: int
    try_number: int
    callback: UUID | None
    """Set: it speaks for this callback of the task instance (or of its run), not for an attempt of it."""
    token_id: str
    issued_at: datetime
    expires_at: datetime


def issue(
    *,
    tenant_id: UUID,
    task_instance_id: UUID,
    epoch: int,
    try_number: int,
    now: datetime,
    callback: UUID | None = None,
) -> str:
    """A new token for one attempt, or for one claim of a callback. Called at claim time, once per task, and on
    refresh (below 0.1 ms)."""
    issued = int(now.timestamp())
    payload = {
        "aud": AUDIENCE,
        "tid": str(tenant_id),
        "sub": str(task_instance_id),
        "epoch": epoch,
        "try": try_number,
        "jti": os.urandom(9).hex(),
        "iat": issued,
        "exp": issued + TTL_SECONDS,
    }
    if callback is not None:
        payload["cb"] = str(callback)
    # Encoded here and not by PyJWT, which checks and serialises its header anew for each token.
    signed = _HEADER + b"." + base64.urlsafe_b64encode(msgspec.json.encode(payload)).rstrip(b"=")
    signature = base64.urlsafe_b64encode(_private_key(settings.SIGNING_KEY).sign(signed)).rstrip(b"=")
    return (signed + b"." + signature).decode()


def verify(token: str, *, now: datetime) -> Claims:
    """Who the token names, if it is ours and its time is not over. Raises TokenInvalid.

    The caller compares the claims with the task instance's row.
    """
    if len(token) > MAX_LENGTH:
        raise TokenInvalid("the token is too long")
    try:
        decoded = jwt.decode_complete(
            token,
            key=_public_key(settings.SIGNING_KEY),
            algorithms=[ALGORITHM],
            audience=AUDIENCE,
            # Times are compared below, with the caller's clock.
            options={"require": ["aud", "exp", "iat"], "verify_exp": False, "verify_iat": False},
        )
    except (jwt.InvalidTokenError, ValueError) as error:
        raise TokenInvalid(str(error)) from None
    # A header with anything else in it (kid, jku, jwk, crit) was not made here.
    if decoded["header"] != {"alg": ALGORITHM, "typ": TYPE}:
        raise TokenInvalid("the token's header is not that of a task token")
    claims = _claims(decoded["payload"])
    at = now.timestamp()
    if claims.expires_at.timestamp() + LEEWAY_SECONDS <= at:
        raise TokenInvalid("the token's time is over")
    if claims.issued_at.timestamp() - LEEWAY_SECONDS > at:
        raise TokenInvalid("the token is from the future")
    return claims


def refreshed(claims: Claims, *, now: datetime) -> str | None:
    """A new token for the same attempt when less than half of this one's life is left. The caller has made
    sure that the attempt is still running."""
    if (claims.expires_at - now).total_seconds() >= REFRESH_BELOW_SECONDS:
        return None
    return issue(
        tenant_id=claims.tenant_id,
        task_instance_id=claims.task_instance_id,
        epoch=claims.epoch,
        try_number=claims.try_number,
        callback=claims.callback,
        now=now,
    )


def _claims(payload: dict[str, Any]) -> Claims:
    try:
        numbers = [payload[name] for name in ("epoch", "try", "iat", "exp")]
        too_long = payload["exp"] - payload["iat"] > TTL_SECONDS
        if too_long or any(type(number) is not int for number in numbers):
            raise TokenInvalid("a number of the token is not one that is given")
        return Claims(
            tenant_id=UUID(payload["tid"]),
            task_instance_id=UUID(payload["sub"]),
            epoch=numbers[0],
            try_number=numbers[1],
            callback=UUID(payload["cb"]) if "cb" in payload else None,
            token_id=str(payload["jti"]),
            issued_at=datetime.fromtimestamp(numbers[2], tz=UTC),
            expires_at=datetime.fromtimestamp(numbers[3], tz=UTC),
        )
    except (KeyError, TypeError, AttributeError, ValueError, OverflowError, OSError) as error:
        raise TokenInvalid(f"the token lacks a claim or has a wrong one: {error}") from None


@cache
def _private_key(pem: str) -> Ed25519PrivateKey:
    try:
        key = load_pem_private_key(pem.encode(), password=None)
    except (ValueError, TypeError) as error:
        raise SigningKeyMalformed(f"AERODROME_SIGNING_KEY cannot be read: {error}") from error
    if not isinstance(key, Ed25519PrivateKey):
        raise SigningKeyMalformed(
            "AERODROME_SIGNING_KEY must be an Ed25519 key, as `openssl genpkey -algorithm ed25519` makes."
        )
    return key


@cache
def _public_key(pem: str) -> Ed25519PublicKey:
    return _private_key(pem).public_key()
