"""Waiting for a run to be over: one look after another, each in a transaction of its own. Called by `api/v2`.

Whoever waits holds one of the web server's threads, so only a few may, and none for ever.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from time import monotonic
from typing import TypeVar

T = TypeVar("T")
MOST_WAITING = 2
"""How many may wait at once in one process."""
MOST_SECONDS = 600.0
LEAST_INTERVAL = 0.2
MOST_INTERVAL = 30.0
_places = threading.BoundedSemaphore(MOST_WAITING)
_never = threading.Event()


class TooManyWait(Exception):
    """Every place is taken: ask again later."""


def looks(
    look: Callable[[], tuple[T, bool]], *, interval_seconds: float, seconds: float | None = None
) -> Iterator[T]:
    """What `look` gives, again after each interval, until it says that this was the last or `seconds` (at most and
    by default `MOST_SECONDS`) are over.

    Raises TooManyWait at once, before the first look, when that one is not the last and no place is left."""
    first, is_last = look()
    if is_last:
        return iter([first])
    if not _places.acquire(blocking=False):
        raise TooManyWait
    interval = min(max(interval_seconds, LEAST_INTERVAL), MOST_INTERVAL)
    return _rest(first, look, interval, MOST_SECONDS if seconds is None else seconds)


def _rest(first: T, look: Callable[[], tuple[T, bool]], interval: float, seconds: float) -> Iterator[T]:
    try:
        yield first
        until = monotonic() + seconds
        is_last = False
        while not is_last and monotonic() < until:
            _never.wait(interval)
            found, is_last = look()
            yield found
    finally:
        _places.release()
