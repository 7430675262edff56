"""How much of XComs a tenant may keep, held against each write without adding up what is there.

What is kept is counted once a minute while tasks end (`maintenance/usage.py`), and what this process wrote since is
added. Both are read at most every few seconds, in the transaction that writes; a tenant without a limit costs that
alone. So a tenant may pass its limit by what other processes wrote since the last count, and no further.
"""

from __future__ import annotations

import time
from dataclasses import dataclass
from datetime import datetime

from controlplane.execution.storable import NotStorable
from controlplane.foundation.db import execute
from tenants.scope import require_tenant

FRESH_SECONDS = 5.0
MOST = 10_000
_MIB = 1024 * 1024


class XComsFull(NotStorable):
    """The tenant keeps as many bytes of XComs as it may."""


@dataclass(slots=True)
class _Room:
    """`written`: by this process, since `counted_at`."""

    read_at: float
    limit: int | None
    held: int
    counted_at: datetime | None
    written: int = 0


_known: dict[str, _Room] = {}


def take_room(*, size: int, using: str = "default") -> None:
    """So many bytes are about to be written, in the tenant's scope. Raises XComsFull, with what to do about it."""
    room = _room(str(require_tenant(using=using)), using)
    if room.limit is None:
        return
    kept = room.held + room.written
    if kept + size > room.limit:
        raise XComsFull(
            f"the XComs of this tenant have {kept / _MIB:.1f} MiB, and it may keep {room.limit / _MIB:.1f} MiB of them "
            "(xcom_bytes). Delete runs that are not needed, keep XComs for fewer days (retention), push where data is "
            "instead of the data, or ask for a larger plan"
        )
    room.written += size


def forget() -> None:
    """What was read is read again: in this process a change counts at once."""
    _known.clear()


def _room(tenant: str, using: str) -> _Room:
    known = _known.get(tenant)
    if known is not None and time.monotonic() - known.read_at < FRESH_SECONDS:
        return known
    limit, held, counted_at = execute("execution/sql/read_xcom_room.sql", using=using)[0]
    room = _Room(time.monotonic(), limit, held, counted_at)
    if known is not None and known.counted_at == counted_at:
        room.written = known.written
    if len(_known) >= MOST:
        _known.clear()
    _known[tenant] = room
    return room
