"""What stores outside said to attempts: kept in this process's memory, for the attempt that asked, and never on disk.

Nothing has to be told to other processes when a secret is rotated: what one attempt was told is never another's, so the
next task asks the store, whichever process answers it; and a changed chain has another version, which no kept answer has.
"""

from __future__ import annotations

import threading
import time
from collections import OrderedDict
from typing import Any

KEPT_SECONDS = 900.0
"""How long an attempt's answer is kept: a task that runs longer asks again."""
MOST_KEPT = 5_000
MOST_BYTES = 32 * 1024 * 1024
"""Of all answers together, roughly: what is counted are characters."""
LONGEST_KEPT = 65_536
_OVERHEAD = 200


class KeptAnswers:
    """One per process. The oldest go first, and all that are too old with the next that comes."""

    def __init__(self, *, most: int = MOST_KEPT, most_bytes: int = MOST_BYTES) -> None:
        self._most, self._most_bytes = most, most_bytes
        self._lock = threading.Lock()
        self._held: OrderedDict[Any, tuple[float, Any, int]] = OrderedDict()
        self._bytes = 0

    @property
    def size(self) -> tuple[int, int]:
        """(answers, bytes)."""
        with self._lock:
            return len(self._held), self._bytes

    def get(self, key: Any) -> tuple[Any] | None:
        """The answer in a tuple, for it may be None: absent."""
        with self._lock:
            found = self._held.get(key)
        return (found[1],) if found is not None and found[0] > time.monotonic() else None

    def put(self, key: Any, value: Any) -> None:
        size = _OVERHEAD + (0 if value is None else len(str(value)))
        if size > LONGEST_KEPT + _OVERHEAD:
            return
        now = time.monotonic()
        with self._lock:
            self._drop(key)
            self._held[key] = (now + KEPT_SECONDS, value, size)
            self._bytes += size
            while self._held:
                oldest = next(iter(self._held))
                if (
                    len(self._held) <= self._most
                    and self._bytes <= self._most_bytes
                    and self._held[oldest][0] > now
                ):
                    break
                self._drop(oldest)

    def _drop(self, key: Any) -> None:
        gone = self._held.pop(key, None)
        if gone is not None:
            self._bytes -= gone[2]
