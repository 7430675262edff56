"""One attempt's log: NDJSON lines as Airflow's log files hold them, with byte offsets.

Structured lines come from the child's structlog, raw ones from its stdout and stderr. Everything passes the mask.
The log is bounded twice: in all (`cap_bytes`, then one marker) and in what is not stored yet (`on_pressure`).
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from datetime import UTC, datetime
from typing import Any

import msgspec

from aerodrome_runtime.agent.masking import Mask

CAP_BYTES = 64 * 1024 * 1024
HIGH_WATER = 1024 * 1024
LOW_WATER = 256 * 1024
LEVELS = frozenset({"debug", "info", "warning", "warn", "error", "critical", "fatal", "exception", "notset"})


class TaskLog:
    """`unstored` bytes start at `offset`; the shipper takes a slice, and moves the offset once it is stored."""

    def __init__(self, *, key: str, mask: Mask, cap_bytes: int = CAP_BYTES, offset: int = 0) -> None:
        self.key = key
        self.mask = mask
        self.offset = offset
        self.unstored = bytearray()
        self.closed = False
        self._cap = offset + cap_bytes
        self._cut = False
        self._pressed = False
        self.on_pressure: Callable[[bool], None] = lambda high: None
        self.on_data: Callable[[], None] = lambda: None
        self.flush: Callable[[], Awaitable[None]] = _nothing
        """Waits until what was written so far is stored (for a bounded time)."""

    def structured(self, line: bytes) -> None:
        """A JSON line of the child's structlog; anything else is kept as raw text, never dropped."""
        if not line:
            return
        try:
            event = msgspec.json.decode(line)
        except msgspec.DecodeError:
            event = None
        if not isinstance(event, dict):
            self.raw(line, logger="task.log", level="warning")
            return
        if "exception" in event:
            event["error_detail"] = event.pop("exception")
        if event.get("level") not in LEVELS:
            event["level"] = "info"
        event.setdefault("event", "")
        self._append(self.mask.event(event))

    def raw(self, line: bytes, *, logger: str, level: str) -> None:
        """A line of stdout or stderr."""
        text = line.rstrip().decode("utf-8", errors="replace")
        self._append({"timestamp": _now(), "level": level, "event": self.mask.text(text), "logger": logger})

    def say(self, event: str, *, level: str = "info", **fields: Any) -> None:
        """A line of the agent's own, for the reader of the task's log."""
        self._append({"timestamp": _now(), "level": level, "event": event, "logger": "supervisor", **fields})

    def rebase(self, offset: int) -> None:
        """Nothing is stored yet, and the log has grown meanwhile: begin behind that."""
        self._cap += offset - self.offset
        self.offset = offset

    def stored(self, upto: int) -> None:
        """The control plane has the bytes before `upto`."""
        gained = upto - self.offset
        if gained > 0:
            del self.unstored[:gained]
            self.offset = upto
        if self._pressed and len(self.unstored) < LOW_WATER:
            self._pressed = False
            self.on_pressure(False)

    def end(self) -> None:
        """The control plane takes no more of it, and its last line there says why: what follows is dropped."""
        self._cut = True
        self.stored(self.offset + len(self.unstored))

    def _append(self, event: dict[str, Any]) -> None:
        if self._cut:
            return
        line = msgspec.json.encode(event) + b"\n"
        if self.offset + len(self.unstored) + len(line) > self._cap:
            self._cut = True
            line = (
                msgspec.json.encode(
                    {
                        "timestamp": _now(),
                        "level": "warning",
                        "event": f"Log cut: this try reached its limit of {self._cap} bytes.",
                        "logger": "supervisor",
                    }
                )
                + b"\n"
            )
        self.unstored += line
        self.on_data()
        if not self._pressed and len(self.unstored) > HIGH_WATER:
            self._pressed = True
            self.on_pressure(True)


async def _nothing() -> None:
    """The flush of a log that nobody ships."""


def _now() -> str:
    return datetime.now(tz=UTC).isoformat().replace("+00:00", "Z")
