"""Counts in windows of a minute, shared by all processes: one INCR in the cache's server. Fails open.

The server being away refuses nobody and holds nobody up: a call gives up within `TIMEOUT_SECONDS`, and after that
nobody asks for `REST_SECONDS`. Decision: docs/adr/0024.
"""

from __future__ import annotations

import time
from functools import cache
from typing import Any

import redis
import structlog
from django.conf import settings
from redis.exceptions import RedisError

log = structlog.get_logger("foundation")
TIMEOUT_SECONDS = 0.1
REST_SECONDS = 5.0
WINDOW_SECONDS = 60
_resting_until = [0.0]


def count_in_minute(*, key: str, now: float) -> int | None:
    """One more of `key` in the minute of `now` (seconds since the epoch); returns how many there were with it.
    None: nobody knows."""
    if time.monotonic() < _resting_until[0]:
        return None
    name = f"rate:{key}:{int(now) // WINDOW_SECONDS}"
    try:
        with _client(settings.CACHES["default"]["LOCATION"]).pipeline(transaction=False) as pipe:
            pipe.incr(name)
            pipe.expire(name, 2 * WINDOW_SECONDS)
            return int(pipe.execute()[0])
    except (OSError, RedisError) as error:
        _resting_until[0] = time.monotonic() + REST_SECONDS
        log.warning("rate_counter.away", error=str(error))
        return None


@cache
def _client(address: str) -> Any:
    return redis.Redis.from_url(
        address, socket_timeout=TIMEOUT_SECONDS, socket_connect_timeout=TIMEOUT_SECONDS, retry=None
    )
