"""A GitHub App's installation: a token of an hour for one repository, got with a key that never leaves us.

Source: docs.github.com, "Generating a JSON Web Token (JWT) for a GitHub App", "Authenticating as a GitHub App
installation". Tokens are kept in memory until five minutes before their end.
"""

from __future__ import annotations

import base64
import json
from datetime import datetime, timedelta
from uuid import UUID

from cryptography.hazmat.primitives.asymmetric import padding
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import load_pem_private_key

from controlplane.bundles.fetch import FetchFailed
from controlplane.bundles.hosts.github import GitHub
from controlplane.bundles.outside_http import HostUnreachable, post_json
from controlplane.bundles.remote_address import AddressInvalid, RemoteAddress

LOGIN = "x-access-token"
JWT_SECONDS = 540
_SLACK = timedelta(seconds=60)
_EARLY = timedelta(minutes=5)
_MOST_KEPT = 1000
_kept: dict[tuple[UUID, datetime], tuple[datetime, str]] = {}


class AppKeyInvalid(ValueError):
    """Not an RSA private key in PEM."""


def read_key(pem: str) -> RSAPrivateKey:
    """Raises AppKeyInvalid."""
    try:
        key = load_pem_private_key(pem.encode(), password=None)
    except (ValueError, TypeError, UnicodeEncodeError):
        key = None
    if not isinstance(key, RSAPrivateKey) or key.key_size < 2048:
        raise AppKeyInvalid(
            "the app's private key must be an RSA key of at least 2048 bits, in PEM, without password"
        )
    return key


def sign_jwt(*, app_id: str, key: RSAPrivateKey, now: datetime) -> str:
    """Says for nine minutes that we are the app; begins a minute ago, for clocks differ."""
    claims = {
        "iat": int((now - _SLACK).timestamp()),
        "exp": int(now.timestamp()) + JWT_SECONDS,
        "iss": app_id,
    }
    head = ".".join(
        _base64(json.dumps(each, separators=(",", ":")).encode())
        for each in ({"alg": "RS256", "typ": "JWT"}, claims)
    )
    return f"{head}.{_base64(key.sign(head.encode(), padding.PKCS1v15(), SHA256()))}"


def installation_token(
    *,
    remote_id: UUID,
    changed_at: datetime,
    address: RemoteAddress,
    credential: dict[str, str],
    now: datetime,
) -> str:
    """A token for the remote's installation, good for five minutes at least. Raises FetchFailed."""
    held = _kept.get((remote_id, changed_at))
    if held is not None and held[0] > now:
        return held[1]
    place = address.text.removeprefix(f"{address.protocol}://").partition("/")[0].rpartition("@")[2]
    scheme = address.protocol if address.protocol in ("http", "https") else "https"
    base = GitHub().api_base(scheme=scheme, host=place)
    try:
        jwt = sign_jwt(app_id=credential["app_id"], key=read_key(credential["key"]), now=now)
        answer = post_json(
            url=f"{base}/app/installations/{int(credential['installation_id'])}/access_tokens",
            body={"permissions": {"contents": "read", "statuses": "write"}},
            headers={
                "Authorization": f"Bearer {jwt}",
                "Accept": "application/vnd.github+json",
                "X-GitHub-Api-Version": "2022-11-28",
            },
        )
    except (KeyError, ValueError, HostUnreachable, AddressInvalid) as error:
        raise FetchFailed(f"the GitHub App gave no token: {error}") from error
    token, ends = answer.body.get("token"), answer.body.get("expires_at")
    if answer.status != 201 or not isinstance(token, str) or not token:
        raise FetchFailed(f"the GitHub App gave no token: {base} answered {answer.status}")
    if len(_kept) >= _MOST_KEPT:
        _kept.clear()
    _kept[remote_id, changed_at] = (_until(ends, now), token)
    return token


def _until(ends: object, now: datetime) -> datetime:
    try:
        told = datetime.fromisoformat(str(ends))
    except ValueError:
        return now
    return told - _EARLY if told.tzinfo is not None else now


def _base64(content: bytes) -> str:
    return base64.urlsafe_b64encode(content).rstrip(b"=").decode()
