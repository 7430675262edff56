"""Counts attempts in the cache, per window. Where the cache is out of reach, what asks here fails, closed."""

from __future__ import annotations

import hashlib

from django.core.cache import cache

WINDOW_SECONDS = 900


class Throttled(Exception):
    """Too many attempts; `retry_after_seconds` says when the window is over."""

    retry_after_seconds = WINDOW_SECONDS


def count_attempt(*, purpose: str, kind: str, parts: tuple[str, ...], most: int) -> str:
    """One more attempt, counted before anything is looked at, so that attempts side by side count as well.
    Returns the counter's key, for `forgive`. Raises Throttled above `most` in a window."""
    key = f"{purpose}:{kind}:{hashlib.sha256(chr(0).join(parts).encode()).hexdigest()}"
    cache.add(key, 0, timeout=WINDOW_SECONDS)
    try:
        attempts = int(cache.incr(key))
    except ValueError:  # the window ended between the two
        attempts = 1
    if attempts > most:
        raise Throttled("too many attempts: wait a quarter of an hour, then try again")
    return key


def forgive(key: str) -> None:
    """Forget a counter: the attempt was right."""
    cache.delete(key)
