"""Triggers of an author's own, good and bad."""

from __future__ import annotations

import asyncio
import os
import sys
import time
from collections.abc import AsyncIterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from airflow.triggers.base import (
    BaseEventTrigger,
    BaseTrigger,
    TaskFailedEvent,
    TaskSkippedEvent,
    TaskSuccessEvent,
    TriggerEvent,
)


class Does(BaseTrigger):
    """`what` it does, after `seconds`."""

    def __init__(self, what: str = "event", seconds: float = 0.0, value: Any = None) -> None:
        super().__init__()
        self.what, self.seconds, self.value = what, seconds, value

    def serialize(self) -> tuple[str, dict[str, Any]]:
        return "own_triggers.Does", {"what": self.what, "seconds": self.seconds, "value": self.value}

    async def run(self) -> AsyncIterator[TriggerEvent]:
        self.log.info("does %s", self.what)
        await asyncio.sleep(self.seconds)
        if self.what == "event":
            yield TriggerEvent(self.value)
        elif self.what == "event twice":
            yield TriggerEvent("first")
            yield TriggerEvent("second")
        elif self.what == "instant":
            yield TriggerEvent({"at": datetime(2026, 1, 2, tzinfo=UTC), "words": ["a", 1, None]})
        elif self.what == "raises":
            raise ValueError("this trigger is bad")
        elif self.what == "ends silently":
            return
        elif self.what == "succeeds":
            yield TaskSuccessEvent(xcoms={"return_value": {"n": 3}})
        elif self.what == "fails":
            yield TaskFailedEvent()
        elif self.what == "skips":
            yield TaskSkippedEvent()
        elif self.what == "exits":
            os._exit(7)
        elif self.what == "leaves":
            sys.exit(8)
        elif self.what == "blocks":
            time.sleep(3600)
        elif self.what == "floods":
            held = []
            while True:
                held.append(bytearray(64 * 1024 * 1024))
        elif self.what == "asks":
            from airflow.sdk import Variable

            yield TriggerEvent(Variable.get("word"))
        elif self.what == "asks in a thread":
            from airflow.sdk import Variable
            from asgiref.sync import sync_to_async

            yield TriggerEvent(await sync_to_async(Variable.get)("word"))
        elif self.what == "asks on and on":
            from airflow.sdk import Variable

            while True:
                Variable.get("word")
                await asyncio.sleep(0.01)
        elif self.what == "looks":
            names = sorted(name for name in os.environ if "SECRET" in name or "TOKEN" in name)
            yield TriggerEvent({"environment": names, "uid": os.getuid()})
        elif self.what == "unstorable":
            yield TriggerEvent(object())
        elif self.what in ("waits", "waits and asks at its end"):
            await asyncio.sleep(3600)

    async def on_kill(self) -> None:
        self.log.info("was killed by a person")
        if self.what == "waits and asks at its end":
            from airflow.sdk import Variable
            from asgiref.sync import sync_to_async

            self.log.info("was told %s", await sync_to_async(Variable.get)("word"))
        Path(os.environ["HOME"], "killed").write_text("yes")


class Watches(BaseEventTrigger):
    """Fires twice and goes on."""

    def serialize(self) -> tuple[str, dict[str, Any]]:
        return "own_triggers.Watches", {}

    async def run(self) -> AsyncIterator[TriggerEvent]:
        for number in range(2):
            yield TriggerEvent({"number": number})
        await asyncio.sleep(3600)


class WatchesOnce(BaseEventTrigger):
    """`times` it raises, then each time it fires once and ends, as the file triggers of the standard provider do."""

    raised = 0

    def __init__(self, times: int = 0) -> None:
        super().__init__()
        self.times = times

    def serialize(self) -> tuple[str, dict[str, Any]]:
        return "own_triggers.WatchesOnce", {"times": self.times}

    async def run(self) -> AsyncIterator[TriggerEvent]:
        await asyncio.sleep(0)
        if WatchesOnce.raised < self.times:
            WatchesOnce.raised += 1
            raise ValueError(f"no mailbox, {WatchesOnce.raised}")
        yield TriggerEvent("came")
