"""Checks a password, at the same cost for a known and an unknown name, and slows down guessing.

Attempts are counted before the password is looked at, so that guesses sent side by side count as well. The
counters live in the cache; where it is out of reach, nobody signs in by password.
"""

from __future__ import annotations

from tenants.audit.context import note_actor, note_deed
from tenants.models.user import User
from tenants.people import MAX_PASSWORD
from tenants.throttle import WINDOW_SECONDS, Throttled, count_attempt, forgive

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
    # A name that is nobody's may be a password typed at the wrong place: it is not recorded.
    note_deed(action="sign-in", target="user:unknown")
    pair = count_sign_in(username=username, address=address)
    user = None
    if "\x00" not in username:
        user = User.objects.using("auth").filter(username=username).first()
    if user is not None:
        note_deed(action="sign-in", target=f"user:{user.id}")
    given = password[: MAX_PASSWORD + 1]
    if user is None or not user.is_active or not user.has_usable_password():
        User().set_password(given)
        raise SignInRefused("wrong user name or password")
    if len(given) > MAX_PASSWORD or not user.check_password(given):
        raise SignInRefused("wrong user name or password")
    forgive(pair)
    note_actor(kind="person", name=user.username, actor_id=user.id)
    return user


def count_sign_in(*, username: str, address: str) -> str:
    """Count one attempt; returns what to forgive when it is right. Raises `SignInThrottled`."""
    name = username.lower()
    parts = {"pair": (name, address), "address": (address,), "name": (name,)}
    try:
        keys = [
            count_attempt(purpose="sign-in", kind=kind, parts=parts[kind], most=LIMITS[kind])
            for kind in parts
        ]
    except Throttled as error:
        raise SignInThrottled(
            "too many attempts to sign in: wait a quarter of an hour, then try again"
        ) from error
    return keys[0]
