"""New ids for a tenant that is put beside itself: each row gets another one, wherever it is named.

An id keeps its instant (a UUIDv7's first half), so that rows keep their order; the rest is mixed with what belongs to
the pair of tenants, so that the same archive gives the same ids. An id is changed wherever it stands if a row of the
archive has it: in columns, and as a text of its own in JSON. Whatever else looks like one (people, agents) stays.
"""

from __future__ import annotations

import hashlib
import re
from uuid import UUID

_RANDOM = (1 << 62) - 1
_IN_JSON = re.compile(r'"([0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12})"')


class NewIds:
    """`known`: the ids of the archive's rows. The same tenant again: nothing changes."""

    def __init__(self, *, old: UUID, new: UUID, known: set[int] | None = None) -> None:
        self.old, self.new = old, new
        self._known = known or set()
        mixed = hashlib.sha256(b"aerodrome new ids\0" + old.bytes + new.bytes).digest()
        self._mask = int.from_bytes(mixed[:8], "big") & _RANDOM | 1

    @property
    def changes(self) -> bool:
        return self.old != self.new

    def of(self, row_id: UUID) -> UUID:
        """The new id of what has this one, or this one."""
        if not self.changes:
            return row_id
        if row_id == self.old:
            return self.new
        return UUID(int=row_id.int ^ self._mask) if row_id.int in self._known else row_id

    def in_json(self, text: str) -> str:
        """The same JSON with new ids."""
        if not self.changes:
            return text
        return _IN_JSON.sub(lambda found: f'"{self.of(UUID(found[1]))}"', text)
