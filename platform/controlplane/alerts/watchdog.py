"""Watches the platform for its operators: database, Redis, scheduler, agents, the age of backups. Says so without the database.

Where to say it is a setting (AERODROME_OPERATOR_CHANNELS), what was said is in memory: neither a dead database nor a
dead Redis can keep it silent. Each trouble is told once, and its end; after a restart it is told again.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from datetime import datetime, timedelta
from typing import Any
from uuid import NAMESPACE_URL, uuid4, uuid5

import structlog
from django.conf import settings
from django.db import DatabaseError, InterfaceError, connections

from controlplane.alerts.backup_age import backup_trouble
from controlplane.alerts.speak import speak
from controlplane.foundation.db import execute
from controlplane.foundation.heartbeats import ALIVE_SECONDS, last_beat
from domain.alerting.message import Message, Occurrence

log = structlog.get_logger("alerts")

SECONDS = 10.0
PROBE_SECONDS = 5.0
AGENT_GONE_FOR = timedelta(hours=1)
"""An agent that is away for longer was taken out of service: nobody is paged for it any more."""
USING = "scheduler"


class Probe:
    """Asks one part of the platform, with patience: one that hangs is one that does not answer. A question that hangs
    keeps its thread; no second one is asked until it ends."""

    def __init__(self) -> None:
        self._pool = ThreadPoolExecutor(1, thread_name_prefix="probe")
        self._asked: Future[Any] | None = None

    def ask(self, question: Callable[[], Any]) -> Any:
        """The answer, or the exception in its place."""
        if self._asked is None or self._asked.done():
            self._asked = self._pool.submit(question)
        try:
            return self._asked.result(timeout=PROBE_SECONDS)
        except Exception as error:
            return error


def _gone_agents(now: datetime) -> list[str]:
    try:
        rows = execute("alerts/sql/list_gone_agents.sql", using=USING, since=now - AGENT_GONE_FOR)
    except (DatabaseError, InterfaceError):
        connections[USING].close()
        raise
    return [row[0] for row in rows]


class Watchdog:
    """`look` finds what is wrong now; `round` tells what began and what ended. One per process."""

    def __init__(self, *, channels: Sequence[dict[str, Any]], clock: Callable[[], datetime]) -> None:
        self._channels, self._clock = channels, clock
        self._told: dict[str, str] = {}
        self._since = clock()
        self._stop = threading.Event()
        self._database, self._redis = Probe(), Probe()

    def run(self) -> None:
        """Until stopped; at once over when operators named no channel."""
        while self._channels and not self._stop.wait(SECONDS):
            try:
                self.round(now=self._clock())
            except Exception:
                log.exception("watchdog.failed")

    def stop(self) -> None:
        self._stop.set()

    def look(self, *, now: datetime) -> dict[str, str]:
        """Trouble -> what is known of it. What cannot be known while something else is down is left out."""
        found: dict[str, str] = {}
        lost = self._database.ask(lambda: _gone_agents(now))
        if isinstance(lost, Exception):
            found["database"] = f"it does not answer ({type(lost).__name__})"
        elif lost:
            found["agents"] = f"{len(lost)} do not answer: {', '.join(lost[:10])}"
        beaten = self._redis.ask(lambda: last_beat(service="scheduler"))
        if isinstance(beaten, Exception):
            found["redis"] = f"it does not answer ({type(beaten).__name__})"
        elif beaten is not None and "database" not in found:
            age = (now - beaten).total_seconds()
            if age > ALIVE_SECONDS:
                found["scheduler"] = f"its last heartbeat is {age:.0f} s old"
        backup = backup_trouble(
            data=settings.DATA_DIR, wanted=settings.DAILY_BACKUPS, since=self._since, now=now
        )
        if backup is not None:
            found["backup"] = backup
        return found

    def round(self, *, now: datetime) -> list[str]:
        """One look. Returns what was said, for tests: `opened database`, `resolved database`."""
        found, said = self.look(now=now), []
        for name, what in found.items():
            if name not in self._told and self._say("opened", name, what, now):
                self._told[name] = what
                said.append(f"opened {name}")
        for name in [name for name in self._told if name not in found]:
            if name == "agents" and "database" in found:
                continue
            if self._say("resolved", name, self._told[name], now):
                del self._told[name]
                said.append(f"resolved {name}")
        return said

    def _say(self, event: str, name: str, what: str, now: datetime) -> bool:
        """To all channels; whether one of them took it. Otherwise it is tried in the next round."""
        message = Message(
            id=str(uuid5(NAMESPACE_URL, f"{settings.BASE_URL}/watchdog/{name}")),
            event=event,
            kind="platform",
            severity="page",
            tenant="platform",
            rule=f"platform: {name}",
            owner="operators",
            cause=f"{name}: {what}",
            url=settings.BASE_URL,
            items=(Occurrence(at=now.isoformat(), what=f"{name}: {what}"),),
        )
        taken = False
        for channel in self._channels:
            answer = speak(
                kind=channel["kind"],
                config=channel.get("config", {}),
                secret=channel.get("secret", {}),
                message=message,
                notification=uuid4(),
                made_at=now,
                now=now,
            )
            taken |= answer.error is None
            log.warning(
                "watchdog.said", about=name, event_kind=event, channel=channel["kind"], error=answer.error
            )
        return taken
