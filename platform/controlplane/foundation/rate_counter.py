"""Counts in windows of a minute, shared by all processes: one INCR in the cache's server. Fails open.

The server being away refuses nobody and holds nobody up: a call gives up within `TIMEOUT_SECONDS`, and after that
nobody asks for `REST_SECONDS`. Decision: docs/adr/0024.
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from functools import cache
from typing import Any

import redis
import structlog
from django.conf import settings
from redis.exceptions import RedisError

from controlplane.foundation.redis_login import login

log = structlog.get_logger("foundation")
TIMEOUT_SECONDS = 0.1
REST_SECONDS = 5.0
WINDOW_SECONDS = 60
_resting_until = [0.0]


def read_minute(*, keys: Sequence[str], now: float) -> list[int]:
    """How many of each there were in the minute of `now` so far; zeros when nobody knows. One MGET."""
    if time.monotonic() < _resting_until[0]:
        return [0] * len(keys)
    try:
        found = _client(str(settings.CACHES["default"]["LOCATION"])).mget([_name(key, now) for key in keys])
        return [int(each or 0) for each in found]
    except (OSError, RedisError) as error:
        _rest(error)
        return [0] * len(keys)


def count_in_minute(*, key: str, now: float) -> int | None:
    """One more of `key` in the minute of `now` (seconds since the epoch); returns how many there were with it.
    None: nobody knows."""
    if time.monotonic() < _resting_until[0]:
        return None
    name = _name(key, now)
    try:
        with _client(str(settings.CACHES["default"]["LOCATION"])).pipeline(transaction=False) as pipe:
            pipe.incr(name)
            pipe.expire(name, 2 * WINDOW_SECONDS)
            return int(pipe.execute()[0])
    except (OSError, RedisError) as error:
        _rest(error)
        return None


def _name(key: str, now: float) -> str:
    return f"rate:{key}:{int(now) // WINDOW_SECONDS}"


def _rest(error: Exception) -> None:
    _resting_until[0] = time.monotonic() + REST_SECONDS
    log.warning("rate_counter.away", error=str(error))


@cache
def _client(address: str) -> Any:
    return redis.Redis.from_url(
        address,
        socket_timeout=TIMEOUT_SECONDS,
        socket_connect_timeout=TIMEOUT_SECONDS,
        retry=None,
        **login(),
    )
