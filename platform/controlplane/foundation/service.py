"""The skeleton of every long-running service: start, stop, one round at a time, and signals for tests.

A service waits on a wake-up (its own `wake()`, or a notification) or a deadline, then runs `run_once`, which
returns when it wants to be run next. TERM and INT stop it between rounds.
"""

from __future__ import annotations

import os
import select
import signal
import threading
import time
from collections.abc import Callable
from typing import Any

import structlog
from django.db import DatabaseError, InterfaceError, connections

from controlplane.foundation.db import listening

log = structlog.get_logger("service")


class Service:
    """Runs `run_once(payloads) -> seconds until the next round` until told to stop.

    `channels` are listened to on a connection of their own; a lost notification only delays work until the
    next deadline, at most `poll_seconds`.
    """

    def __init__(
        self,
        *,
        name: str,
        run_once: Callable[[set[str]], float],
        channels: tuple[str, ...] = (),
        using: str = "default",
        poll_seconds: float = 1.0,
    ) -> None:
        self.name, self.run_once, self.channels = name, run_once, channels
        self.using, self.poll_seconds = using, poll_seconds
        self._read, self._write = os.pipe()
        self._stop = False

    def stop(self, *_: Any) -> None:
        """Stop after the current round. Safe in a signal handler."""
        self._stop = True
        os.write(self._write, b"x")

    def run(self) -> None:
        """Until stopped. A lost database is waited for: the process does not exit."""
        if threading.current_thread() is threading.main_thread():
            signal.signal(signal.SIGTERM, self.stop)
            signal.signal(signal.SIGINT, self.stop)
        pause = 0.1
        while not self._stop:
            try:
                with listening(*self.channels, using=self.using) as link:
                    log.info("service.ready", service=self.name)
                    pause = 0.1
                    self._rounds(link)
            except (DatabaseError, InterfaceError, OSError) as error:
                log.warning("service.database_lost", service=self.name, error=str(error).strip())
                connections.close_all()
                self._wait_stop(pause)
                pause = min(pause * 2, 2.0)

    def _rounds(self, link: Any) -> None:
        payloads: set[str] = {""}
        while not self._stop:
            wait = self.run_once(payloads)
            payloads = set()
            deadline = time.monotonic() + max(0.0, min(wait, self.poll_seconds))
            while not self._stop:
                link.poll()
                if link.notifies:
                    payloads.update(notice.payload for notice in link.notifies)
                    link.notifies.clear()
                    break
                left = deadline - time.monotonic()
                if left <= 0:
                    break
                select.select([link.fileno(), self._read], [], [], left)

    def _wait_stop(self, seconds: float) -> None:
        select.select([self._read], [], [], seconds)
