"""Security keys and passkeys (W3C Web Authentication), through the `fido2` library: its one door.

The challenge is kept in the cache, for one person and five minutes, and is taken out when it is answered: an
answer is good once. The relying party is the host of settings.BASE_URL, whatever a request says.
"""

from __future__ import annotations

import hashlib
import json
import secrets
from typing import Any
from urllib.parse import urlsplit
from uuid import UUID

from django.conf import settings
from django.core.cache import cache
from fido2.server import Fido2Server
from fido2.utils import websafe_decode, websafe_encode
from fido2.webauthn import (
    AttestedCredentialData,
    PublicKeyCredentialRpEntity,
    PublicKeyCredentialUserEntity,
    ResidentKeyRequirement,
    UserVerificationRequirement,
)

from tenants.factors.refusals import KeyRefused
from tenants.models.user import User

CHALLENGE_SECONDS = 300


def begin_registration(user: User, known: list[str]) -> tuple[str, dict[str, Any]]:
    """(name of the challenge, what the browser's `navigator.credentials.create` gets)."""
    options, state = _server().register_begin(
        PublicKeyCredentialUserEntity(id=user.id.bytes, name=user.username, display_name=user.username),
        credentials=[_key(text) for text in known],
        resident_key_requirement=ResidentKeyRequirement.PREFERRED,
        user_verification=UserVerificationRequirement.PREFERRED,
    )
    return _remember(user, state), dict(options)


def end_registration(user: User, challenge: str, answer: dict[str, Any]) -> str:
    """The key's public half as text, to be kept. Raises KeyRefused."""
    try:
        made = _server().register_complete(_recall(user, challenge), answer)
    except (ValueError, TypeError, KeyError, AttributeError) as error:
        raise KeyRefused("this answer does not fit: begin again") from error
    if made.credential_data is None:
        raise KeyRefused("this answer holds no key: begin again")
    return str(websafe_encode(bytes(made.credential_data)))


def begin_authentication(user: User, known: list[str]) -> tuple[str, dict[str, Any]]:
    """(name of the challenge, what the browser's `navigator.credentials.get` gets)."""
    options, state = _server().authenticate_begin(
        [_key(text) for text in known], user_verification=UserVerificationRequirement.PREFERRED
    )
    return _remember(user, state), dict(options)


def end_authentication(
    user: User, challenge: str, known: dict[str, str], answer: dict[str, Any]
) -> tuple[str, int]:
    """(which of `known`, name -> key, has signed; the key's counter of signatures). Raises KeyRefused."""
    return _end(user, challenge, known, answer)


def _end(user: User | None, challenge: str, known: dict[str, str], answer: dict[str, Any]) -> tuple[str, int]:
    keys = {name: _key(text) for name, text in known.items()}
    try:
        signed = _server().authenticate_complete(_recall(user, challenge), list(keys.values()), answer)
        data = websafe_decode(answer["response"]["authenticatorData"])
    except Exception as error:  # the library lets its cryptography's own refusals through
        raise KeyRefused("this answer does not fit: begin again") from error
    name = next(name for name, key in keys.items() if key.credential_id == signed.credential_id)
    return name, int.from_bytes(data[33:37], "big")


def begin_passkey() -> tuple[str, dict[str, Any]]:
    """The same for whoever holds a key of this site: it names its owner itself, and has to verify them."""
    options, state = _server().authenticate_begin(
        None, user_verification=UserVerificationRequirement.REQUIRED
    )
    return _remember(None, state), dict(options)


def owner_of(answer: dict[str, Any]) -> UUID:
    """Whose key has answered, as the key says. Raises KeyRefused."""
    try:
        return UUID(bytes=websafe_decode(answer["response"]["userHandle"]))
    except (ValueError, TypeError, KeyError, AttributeError) as error:
        raise KeyRefused("this key does not say whose it is: sign in with the password first") from error


def end_passkey(challenge: str, known: dict[str, str], answer: dict[str, Any]) -> tuple[str, int]:
    """Like `end_authentication`, of a challenge that anybody might answer. `known`: the keys of the owner that the
    answer names. Raises KeyRefused."""
    return _end(None, challenge, known, answer)


def _server() -> Fido2Server:
    site = urlsplit(settings.BASE_URL)
    host = site.hostname or "localhost"
    origin = f"{site.scheme}://{site.netloc}"
    rp = PublicKeyCredentialRpEntity(id=host, name="Aerodrome")
    return Fido2Server(rp, verify_origin=lambda given: given == origin)


def _key(text: str) -> AttestedCredentialData:
    return AttestedCredentialData(websafe_decode(text))


def _place(user: User | None, challenge: str) -> str:
    """Whatever a caller sends as a challenge is no part of a cache's key as it is."""
    return f"webauthn:{user.id if user else 'anybody'}:{hashlib.sha256(challenge.encode(errors='replace')).hexdigest()}"


def _remember(user: User | None, state: dict[str, Any]) -> str:
    name = secrets.token_urlsafe(16)
    cache.set(_place(user, name), json.dumps(state), timeout=CHALLENGE_SECONDS)
    return name


def _recall(user: User | None, challenge: str) -> dict[str, Any]:
    place = _place(user, challenge)
    kept = cache.get(place)
    if kept is None or not cache.delete(place):
        raise KeyRefused("this challenge is over or was answered: begin again")
    found: dict[str, Any] = json.loads(kept)
    return found
