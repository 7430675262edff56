"""When each kind of loop was last alive, for health pages. Kept in the cache: losing it loses nothing.

Each loop calls `beat` once a round (at most every few seconds); `api/v2/monitor` and `status` read.
"""

from __future__ import annotations

from contextlib import suppress
from datetime import datetime, timedelta

from django.core.cache import cache
from redis.exceptions import RedisError

ALIVE_SECONDS = 30.0


def beat(*, service: str, now: datetime) -> None:
    """`service` is `scheduler`, `dag_processor`, `triggerer` or another loop's name.

    A cache that is away stops no loop: the page then shows an old beat, which is the truth about it.
    """
    with suppress(OSError, RedisError):
        cache.set(f"heartbeat:{service}", now.isoformat(), timeout=None)


def last_beat(*, service: str) -> datetime | None:
    """The newest beat of any process of this kind, or None when none is known."""
    found = cache.get(f"heartbeat:{service}")
    return None if found is None else datetime.fromisoformat(found)


def is_alive(*, beat_at: datetime, now: datetime) -> bool:
    """Whether a beat is recent enough."""
    return now - beat_at < timedelta(seconds=ALIVE_SECONDS)
