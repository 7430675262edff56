"""Checks a password, at the same cost for a known and an unknown name, and slows down guessing.

Attempts are counted before the password is looked at, so that guesses sent side by side count as well. The
counters live in the cache; where it is out of reach, nobody signs in by password.
"""

from __future__ import annotations

import hashlib

from django.core.cache import cache

from tenants.models.user import User
from tenants.people import MAX_PASSWORD

WINDOW_SECONDS = 900
LIMITS = {"pair": 10, "address": 100, "name": 300}
"""Attempts per window: of one address for one name, of one address, for one name. The last is wide, so that a
stranger cannot easily lock somebody out."""


class SignInRefused(Exception):
    """Wrong name or password, or a closed account: which one is not told."""


class SignInThrottled(Exception):
    """Too many attempts; `retry_after_seconds` says when the window is over."""

    retry_after_seconds = WINDOW_SECONDS


def check_password(*, username: str, password: str, address: str) -> User:
    """The person, if the password is theirs. Raises `SignInRefused`, `SignInThrottled`."""
    counters = {
        "pair": _key("pair", username.lower(), address),
        "address": _key("address", address),
        "name": _key("name", username.lower()),
    }
    for kind, key in counters.items():
        if _attempts(key) > LIMITS[kind]:
            raise SignInThrottled("too many attempts to sign in: wait a quarter of an hour, then try again")
    user = None
    if "\x00" not in username:
        user = User.objects.using("auth").filter(username=username).first()
    given = password[: MAX_PASSWORD + 1]
    if user is None or not user.is_active:
        User().set_password(given)
        raise SignInRefused("wrong user name or password")
    if len(given) > MAX_PASSWORD or not user.check_password(given):
        raise SignInRefused("wrong user name or password")
    cache.delete(counters["pair"])
    return user


def _attempts(key: str) -> int:
    cache.add(key, 0, timeout=WINDOW_SECONDS)
    try:
        return int(cache.incr(key))
    except ValueError:  # the window ended between the two
        return 1


def _key(kind: str, *parts: str) -> str:
    return f"sign-in:{kind}:{hashlib.sha256(chr(0).join(parts).encode()).hexdigest()}"
