"""Names of things: UUIDv7 keys, slugs, and run ids in Airflow's formats.

The one module of `domain` that reads the clock and the random source, because an id is made of both.
Called by whatever creates a row; everything else receives ids as arguments.
"""

from __future__ import annotations

import os
import re
import secrets
import string
import threading
import time
from datetime import datetime
from typing import Final
from uuid import UUID

_COUNTER_BITS: Final = 42
_COUNTER_LIMIT: Final = 1 << _COUNTER_BITS
_SLUG: Final = re.compile(r"[a-z](?:-?[a-z0-9]){0,39}")
_SUFFIX_ALPHABET: Final = string.ascii_letters + string.digits

_RUN_ID: Final = re.compile(
    r"^(?:manual|scheduled|asset_triggered)__(?:\d{4}-\d{2}-\d{2}T\d{2}:\d{2}:\d{2}\+00:00)$"
)
_OWN_RUN_ID: Final = re.compile(r"^[A-Za-z0-9_.~:+-]+$")
"""Airflow's `scheduler.allowed_run_id_pattern`."""
RUN_TYPES: Final = (
    "backfill",
    "scheduled",
    "manual",
    "operator_triggered",
    "asset_triggered",
    "asset_materialization",
)
"""Airflow's `DagRunType`."""
CANARY_RUN: Final = "canary__"
"""How the ids of runs begin that try out a deployment; its number follows."""

_lock = threading.Lock()
_last_ms = -1
_last_counter = 0


def _compose(unix_ms: int, counter: int, tail: int) -> UUID:
    """RFC 9562 layout: 48 bits of milliseconds, version, 12 + 30 bits of counter, 32 random bits."""
    number = (unix_ms & ((1 << 48) - 1)) << 80
    number |= 0x7 << 76
    number |= (counter >> 30) << 64
    number |= 0b10 << 62
    number |= (counter & ((1 << 30) - 1)) << 32
    number |= tail
    return UUID(int=number)


def _random_counter() -> int:
    """A random start below half the range, so that one millisecond has room for 2**41 further ids."""
    return int.from_bytes(os.urandom(6), "big") & ((1 << (_COUNTER_BITS - 1)) - 1)


def uuid7() -> UUID:
    """A new id, greater than every id this process made before, even when the clock steps back.

    Thread-safe. After a fork both processes go on from the same counter, and 32 random bits keep their
    ids apart.
    """
    global _last_counter, _last_ms
    with _lock:
        unix_ms = time.time_ns() // 1_000_000
        if unix_ms > _last_ms:
            _last_ms, _last_counter = unix_ms, _random_counter()
        else:
            _last_counter += 1
            if _last_counter >= _COUNTER_LIMIT:
                _last_ms, _last_counter = _last_ms + 1, _random_counter()
        return _compose(_last_ms, _last_counter, int.from_bytes(os.urandom(4), "big"))


def uuid7_at(unix_ms: int) -> UUID:
    """An id of the given instant (milliseconds since 1970), random below it: not monotonic."""
    return _compose(unix_ms, int.from_bytes(os.urandom(6), "big") % _COUNTER_LIMIT, secrets.randbits(32))


def is_slug(text: str) -> bool:
    """Whether `text` can name a tenant in folders, host names and paths.

    A lower-case letter first, then lower-case letters, digits and single hyphens between them, at most 40
    letters and digits in all, at most 63 characters (a DNS label).
    """
    return len(text) <= 63 and _SLUG.fullmatch(text) is not None


def random_suffix() -> str:
    """Eight letters and digits, as Airflow appends to the id of a run without a logical date."""
    return "".join(secrets.choice(_SUFFIX_ALPHABET) for _ in range(8))


class RunIdInvalid(ValueError):
    """This text cannot name a run. The message is Airflow's."""


def check_run_id(run_id: str, *, run_type: str) -> None:
    """As Airflow's `create_dagrun`: no path in it, its characters only, and no other type's prefix by hand.

    Raises RunIdInvalid.
    """
    if ".." in run_id:
        raise RunIdInvalid(f"The run_id '{run_id}' must not contain '..' to prevent path traversal")
    if not _RUN_ID.match(run_id) and not _OWN_RUN_ID.match(run_id):
        raise RunIdInvalid(
            f"The run_id provided '{run_id}' does not match regex pattern "
            f"'{_OWN_RUN_ID.pattern}' or '{_RUN_ID.pattern}'"
        )
    if run_type == "manual":
        for other in RUN_TYPES:
            if other != "manual" and run_id.startswith(f"{other}__"):
                raise RunIdInvalid(
                    f"A manual DAG run cannot use ID {run_id!r} since it is reserved for {other} runs"
                )


def run_id_for(
    *, run_type: str, run_after: datetime, logical_date: datetime | None = None, suffix: str = ""
) -> str:
    """The run id that Airflow 3 gives: `scheduled__2025-01-02T00:00:00+00:00`.

    `run_after`, not the logical date, is what the id shows. A run without a logical date may share its
    instant with another, so `suffix` (see `random_suffix`) is appended to it after an underscore, and only
    to it: Airflow does so for runs of operators, assets and backfills (`DagRun.generate_run_id`), and gives
    no suffix to scheduled and API-triggered ones (`Timetable.generate_run_id`). Raises `ValueError` when
    `run_after` has no time zone.
    """
    if run_after.tzinfo is None:
        raise ValueError(f"run_after {run_after} has no time zone; pass an aware datetime")
    run_id = f"{run_type}__{run_after.isoformat()}"
    return f"{run_id}_{suffix}" if suffix and logical_date is None else run_id
