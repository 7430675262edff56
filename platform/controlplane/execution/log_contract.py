"""What a store of task logs does. Bodies: `log_files.py` (a folder). Callers go through `logs.py`."""

from __future__ import annotations

from typing import Protocol


class LogStoreFull(OSError):
    """There is no room left. What was stored stays; the sender may try again later from the same offset."""


class LogStore(Protocol):
    """A log is bytes that only grow. `key` is one that `logs.log_key` makes."""

    def append(self, *, key: str, offset: int, data: bytes) -> int:
        """Store `data` as the bytes from `offset` on and return how many bytes the log has now.

        Bytes below that are stored already and stay as they are, so the same segment twice changes nothing. A
        segment that would leave a gap is not stored: the returned number says where to go on.
        """

    def read(self, *, key: str, offset: int, limit: int) -> bytes:
        """At most `limit` bytes from `offset` on; empty behind the end and for a log that does not exist."""

    def forget(self, *, folder: str) -> int:
        """Delete every log whose key begins with `folder/`, which names a tenant, a DAG and a run; how many. Again
        does nothing."""

    def sizes(self, *, folder: str) -> dict[str, int]:
        """Bytes of all logs below each folder in `folder/`, which names a tenant, by the folder's name."""

    def size(self, *, key: str) -> int:
        """Bytes stored; 0 for a log that does not exist."""
