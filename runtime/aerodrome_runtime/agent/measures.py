"""What attempts used, as the zygote saw their processes end: told with the next beat, again until that is answered.

Off every task's path: an ending is reported when the task says it, and what it used is known only when its
processes are gone. An agent that dies in between loses what it did not tell; the time that the attempt held
its worker is the control plane's own count.
"""

from __future__ import annotations

from aerodrome_runtime.zygote.orders import Exited

MOST = 20_000
Measured = tuple[str, str, int, float, int, float]


class Measures:
    """`add` after an exit, `pending` for a beat, `told` when it was answered."""

    def __init__(self) -> None:
        self._rows: list[Measured] = []

    def add(self, *, tenant_id: str, id: str, epoch: int, exited: Exited, seconds: float) -> None:
        """One attempt's process. Nothing is known of one whose zygote was lost."""
        if exited.exit_code is None and exited.signal is None:
            return
        self._rows.append((tenant_id, id, epoch, exited.cpu_seconds, exited.peak_bytes, seconds))
        del self._rows[:-MOST]

    def pending(self) -> list[Measured]:
        """At most a thousand, the oldest first."""
        return self._rows[:1000]

    def told(self, rows: list[Measured]) -> None:
        """These reached the control plane."""
        gone = set(rows)
        self._rows = [row for row in self._rows if row not in gone]
