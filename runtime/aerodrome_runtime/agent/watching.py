"""How patient an agent is with an asset watcher's trigger, which nobody waits for and which is never over.

Airflow begins such a trigger again whenever it ends. So does the agent: soon after one that fired, later and later
after one that only failed. What is wrong with it is told now and then: no task's log has it.
"""

from __future__ import annotations

import time
from dataclasses import dataclass

SOON_SECONDS = 1.0
LATEST_SECONDS = 60.0
REPEAT_SECONDS = 3600.0
"""A failure that stays the same is told again after this long."""


@dataclass(slots=True)
class Patience:
    """Of one watcher's trigger. Say `fired` at each event, `ended` when it ends."""

    pause: float = 0.0
    has_fired: bool = False
    _told: str = ""
    _told_at: float = 0.0

    def fired(self) -> None:
        self.has_fired = True
        self.pause = 0.0

    def ended(self) -> float:
        """How long to wait before it begins again."""
        self.pause = SOON_SECONDS if self.has_fired else min(2 * self.pause or SOON_SECONDS, LATEST_SECONDS)
        self.has_fired = False
        return self.pause

    def shall_tell(self, why: str) -> bool:
        """Whether this failure is news: it changed (but not each second), or was told long ago."""
        now, wait = time.monotonic(), LATEST_SECONDS if why != self._told else REPEAT_SECONDS
        if self._told and now - self._told_at < wait:
            return False
        self._told, self._told_at = why, now
        return True
