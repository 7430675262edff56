"""What every body needs to read a webhook: signatures compared in constant time, JSON that is what it should be."""

from __future__ import annotations

import hashlib
import hmac
import json
from collections.abc import Mapping
from typing import Any

from controlplane.bundles.hosts.contract import Forged, HookMalformed

MOST_REFS = 200
"""Branches and tags that one delivery may name."""


def check_hmac(*, body: bytes, secret: str, given: str) -> None:
    """`given` is HMAC-SHA-256 of the raw body in hexadecimal. Raises Forged."""
    wanted = hmac.new(secret.encode(), body, hashlib.sha256).hexdigest()
    if not secret or not hmac.compare_digest(wanted.encode(), given.strip().lower().encode()):
        raise Forged("the signature does not match")


def check_token(*, secret: str, given: str) -> None:
    """`given` is the secret itself. Raises Forged."""
    if not secret or not hmac.compare_digest(
        hashlib.sha256(secret.encode()).digest(), hashlib.sha256(given.encode()).digest()
    ):
        raise Forged("the token does not match")


def read_json(body: bytes) -> dict[str, Any]:
    """An object. Raises HookMalformed."""
    try:
        told = json.loads(body)
    except (ValueError, RecursionError):
        raise HookMalformed("the body is not JSON; choose the content type application/json") from None
    if not isinstance(told, dict):
        raise HookMalformed("the body is not a JSON object")
    return told


def delivery_of(headers: Mapping[str, str], *names: str) -> str:
    """The delivery's id. Raises HookMalformed."""
    for name in names:
        if value := headers.get(name, "").strip():
            return value[:200]
    raise HookMalformed(f"the header {names[0]} is missing")


def text(told: Any, *path: str) -> str:
    """A text at `path`. Raises HookMalformed naming it."""
    value = told
    for name in path:
        value = value.get(name) if isinstance(value, dict) else None
    if not isinstance(value, str):
        raise HookMalformed(f"{'.'.join(path)} is missing")
    return value


def commit_or_gone(sha: str) -> str:
    """A commit, or nothing for a ref that is gone (all zeros)."""
    return sha if sha.strip("0") else ""


def names(*values: str) -> frozenset[str]:
    """Repository names as they are compared."""
    return frozenset(value.strip("/").removesuffix(".git").casefold() for value in values if value)
