"""What a store of large values does. Bodies: `object_files.py` (a folder). Callers go through `large_xcoms.py`."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Protocol


class ObjectGone(LookupError):
    """A row names an object that the store does not have."""


class ObjectStoreFull(OSError):
    """There is no room left; nothing was stored."""


class ObjectStore(Protocol):
    """Objects are written once and never changed. `key` is `<tenant's id>/<object's id>.json`, both UUIDs."""

    def put(self, *, key: str, data: bytes) -> None:
        """Store it whole or not at all; it outlives a crash from here on. Raises ObjectStoreFull."""

    def get(self, *, key: str) -> bytes:
        """All of it. Raises ObjectGone."""

    def delete(self, *, key: str) -> None:
        """Nothing happens when there is none."""

    def each(self) -> Iterator[str]:
        """Every key, a tenant's next to each other; with what half-written objects left behind."""
