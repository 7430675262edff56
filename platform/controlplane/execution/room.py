"""How many bytes of one kind a tenant may keep, held against each write without adding up what is there.

What is kept is counted every few minutes while tasks end (`maintenance/usage.py`), and what this process wrote since is
added. Both are read at most every few seconds; a tenant without a limit costs that alone. So a tenant may pass its
limit by what other processes wrote since the last count, and no further.
"""

from __future__ import annotations

import time
from dataclasses import dataclass
from datetime import datetime

from controlplane.foundation.db import execute

LIMITS = {"xcom": "xcom_bytes", "log": "log_storage_bytes"}
"""Kind of `storage_held` -> the published limit that it is held against."""
FRESH_SECONDS = 5.0
MOST = 10_000
_MIB = 1024 * 1024


@dataclass(frozen=True, slots=True)
class Full:
    """No room: bytes kept, and how many may be."""

    kept: int
    limit: int

    def __str__(self) -> str:
        """For people: what is said of the tenant's XComs, or logs."""
        return f"have {self.kept / _MIB:.1f} MiB, and it may keep {self.limit / _MIB:.1f} MiB of them"


@dataclass(slots=True)
class Room:
    """Of one tenant, as it was read. `written`: by this process, since `counted_at`."""

    read_at: float
    limit: int | None
    held: int
    counted_at: datetime | None
    written: int = 0

    def take(self, size: int) -> Full | None:
        """So many bytes are about to be written: none of them fit, or all are counted."""
        if self.limit is None:
            return None
        kept = self.held + self.written
        if kept + size > self.limit:
            return Full(kept, self.limit)
        self.written += size
        return None


class Rooms:
    """Of all tenants for one `kind` of `LIMITS`."""

    def __init__(self, *, kind: str) -> None:
        self._kind, self._limit = kind, LIMITS[kind]
        self._known: dict[str, Room] = {}

    def fresh(self, tenant: str) -> Room | None:
        """What was read of it a moment ago."""
        known = self._known.get(tenant)
        return known if known is not None and time.monotonic() - known.read_at < FRESH_SECONDS else None

    def read(self, tenant: str, *, using: str = "default") -> Room:
        """In the tenant's scope. One that is gone has no limit: what it still says goes where it went."""
        found = execute("execution/sql/read_room.sql", using=using, kind=self._kind, limit=self._limit)
        limit, held, counted_at = found[0] if found else (None, 0, None)
        room = Room(time.monotonic(), limit, held, counted_at)
        known = self._known.get(tenant)
        if known is not None and known.counted_at == counted_at:
            room.written = known.written
        if len(self._known) >= MOST:
            self._known.clear()
        self._known[tenant] = room
        return room

    def forget(self) -> None:
        """What was read is read again: in this process a change counts at once."""
        self._known.clear()
