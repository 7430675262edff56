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

FRESH_SECONDS = 5.0
MOST = 10_000


@dataclass(frozen=True, slots=True)
class Full:
    """No room: bytes kept, and how many may be."""

    kept: int
    limit: int


@dataclass(slots=True)
class _Read:
    """`written`: by this process, since `counted_at`."""

    read_at: float
    limit: int | None
    held: int
    counted_at: datetime | None
    written: int = 0


class Rooms:
    """The rooms of all tenants for one `kind` of `storage_held`, bounded by one published limit."""

    def __init__(self, *, kind: str, limit: str) -> None:
        self._kind, self._limit = kind, limit
        self._known: dict[str, _Read] = {}

    def knows(self, tenant: str) -> bool:
        """Whether `take` asks nothing: what was read of the tenant is fresh."""
        known = self._known.get(tenant)
        return known is not None and time.monotonic() - known.read_at < FRESH_SECONDS

    def take(self, tenant: str, *, size: int, using: str = "default") -> Full | None:
        """So many bytes are about to be written: none of them fit, or all are counted. In the tenant's scope, unless
        `knows`."""
        room = self._known[tenant] if self.knows(tenant) else self._read(tenant, using)
        if room.limit is None:
            return None
        kept = room.held + room.written
        if kept + size > room.limit:
            return Full(kept, room.limit)
        room.written += size
        return None

    def forget(self) -> None:
        """What was read is read again: in this process a change counts at once."""
        self._known.clear()

    def _read(self, tenant: str, using: str) -> _Read:
        known = self._known.get(tenant)
        limit, held, counted_at = execute(
            "execution/sql/read_room.sql", using=using, kind=self._kind, limit=self._limit
        )[0]
        room = _Read(time.monotonic(), limit, held, counted_at)
        if known is not None and known.counted_at == counted_at:
            room.written = known.written
        if len(self._known) >= MOST:
            self._known.clear()
        self._known[tenant] = room
        return room
