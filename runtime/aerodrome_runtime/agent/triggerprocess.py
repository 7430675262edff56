"""One jailed process of a tenant's runtime that runs many triggers, and the agent as its supervisor.

Airflow's own trigger runner is on the other side (`zygote/triggers.py`): about once a second it says what fired,
failed and ended, and hears what to begin and what to cancel. What triggers ask is answered with the right of the
task that waits. Before: a zygote can be had. After `run`: the process and everything it started are gone.
"""

from __future__ import annotations

import asyncio
import logging
import signal
import time
from collections import deque
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import msgspec

from aerodrome_runtime.agent.child import Child
from aerodrome_runtime.agent.confine import Confinement
from aerodrome_runtime.agent.runtimes import Runtime
from aerodrome_runtime.agent.sdk.answers import api_error
from aerodrome_runtime.agent.sdk.table import Asking, answer_trigger
from aerodrome_runtime.agent.tasklog import TaskLog
from aerodrome_runtime.agent.watching import Patience
from aerodrome_runtime.agent.zygotes import BaseZygotes
from aerodrome_runtime.zygote.orders import Exited, Fork, Place
from taskwire.workload import Limits, TriggerWork, Workload

log = logging.getLogger("aerodrome.agent")
LOAD_SECONDS = 60.0
SILENT_SECONDS = 30.0
"""A runner that says nothing for so long has a trigger that blocks its loop (Airflow's health check)."""
LOOK_SECONDS = 1.0
IDLE_SECONDS = 10.0
"""How long a process without triggers stays."""
STOP_SECONDS = 6.0
TAIL = 20
BUNDLE_MARK = "${BUNDLE}"
"""`translate.plain.BUNDLE_MARK`; the agent never imports what loads Airflow."""


@dataclass(eq=False)
class Held:
    """One trigger that this agent holds. `number` is its name for Airflow's runner, which wants integers."""

    number: int
    work: Workload
    order: TriggerWork
    asking: Asking
    log: TaskLog | None
    told: bool = False
    """The process knows of it: what happens there may be its doing."""
    over: bool = False
    """It fired, failed or was stopped: nothing more of it counts."""
    crashes: int = 0
    """How often its process died while it was alone there."""
    patience: Patience = field(default_factory=Patience)
    """Of an asset watcher's trigger."""

    @property
    def watches(self) -> bool:
        """It is an asset watcher's: no task waits for it."""
        return self.order.ti is None


Event = Callable[[Held, dict[str, Any], int | None], None]
Failure = Callable[[Held, list[str] | None], None]


class TriggerProcess:
    """`members` may change while `run` runs; `cancel` what is taken out of them."""

    def __init__(
        self,
        *,
        tenant: str,
        zygotes: BaseZygotes,
        confinement: Confinement,
        on_event: Event,
        on_failure: Failure,
    ) -> None:
        self.members: dict[int, Held] = {}
        self.persisted: list[int] = []
        """What Airflow calls the seqs of events that are stored."""
        self.ending = False
        self._tenant = tenant
        self._bundle = ""
        self._zygotes = zygotes
        self._confinement = confinement
        self._on_event = on_event
        self._on_failure = on_failure
        self._cancels: set[int] = set()
        self._leaving: dict[int, Held] = {}
        self._heard = time.monotonic()
        self._used = time.monotonic()
        self._child: Child | None = None
        self._answering: set[asyncio.Task[None]] = set()
        self._tail: deque[str] = deque(maxlen=TAIL)

    def cancel(self, held: Held, *, kill: bool) -> None:
        """Stop a trigger; with `kill` a person did, its `on_kill` runs, and what that says is still logged."""
        self._cancels.add(held.number if kill else -held.number)
        if kill:
            self._leaving[held.number] = held

    async def run(self, *, runtime: Runtime, bundle: Path, place: Place) -> str | None:
        """Until it is told to end or has nothing to do (None), or dies: then why. Raises ZygoteLost, OSError."""
        link = await self._zygotes.link(runtime)
        confined = self._confinement.prepare(runtime=runtime, bundle=bundle, limits=Limits())
        self._bundle = str(bundle)
        loop = asyncio.get_running_loop()
        child = self._child = Child(loop=loop, link=link)
        blocked = False
        try:
            child.fork(
                Fork(
                    id=0,
                    role="triggers",
                    place=place,
                    jail=confined.jail,
                    title=f"aerodrome-triggers {self._tenant}",
                    environment=confined.environment,
                )
            )
            either: list[asyncio.Future[Any]] = [child.ready, child.exited]
            await asyncio.wait(either, timeout=LOAD_SECONDS, return_when=asyncio.FIRST_COMPLETED)
            if child.ready.done() and not child.exited.done():
                self._heard = self._used = time.monotonic()
                child.give({"type": "StartTriggerer"}, on_request=self._request, on_line=self._line)
                blocked = await self._watch(child)
            if not child.exited.done():
                child.signal(signal.SIGKILL, group=True)
            exited = await child.exited
            memory = self._confinement.memory_killed(confined)
        except BaseException:
            child.signal(signal.SIGKILL, group=True)
            with suppress(asyncio.CancelledError):
                await asyncio.wait([child.exited], timeout=STOP_SECONDS)
            raise
        finally:
            for task in self._answering:
                task.cancel()
            self._confinement.clear(confined, orderly=child.orderly)
        if self.ending and not blocked:
            return None
        return self._why(exited, blocked, memory, child)

    async def _watch(self, child: Child) -> bool:
        """Whether it was silent for too long."""
        while not child.exited.done():
            await asyncio.wait([child.exited], timeout=LOOK_SECONDS)
            now = time.monotonic()
            if self.members:
                self._used = now
            if now - self._used > IDLE_SECONDS:
                self.ending = True
            if self.ending:
                child.signal(signal.SIGTERM)
                await asyncio.wait([child.exited], timeout=STOP_SECONDS)
                return False
            if now - self._heard > SILENT_SECONDS:
                return True
        return False

    def _why(self, exited: Exited, blocked: bool, memory: bool, child: Child) -> str:
        if blocked:
            return f"it blocked the triggerer's event loop for {SILENT_SECONDS:.0f} s"
        if memory:
            return "the triggerer's process ran out of memory"
        if child.refusal:
            return f"the triggerer's process could not be started: {child.refusal}"
        how = f"signal {exited.signal}" if exited.signal is not None else f"exit code {exited.exit_code}"
        tail = "\n".join(self._tail) or child.early_text()
        return f"the triggerer's process ended with {how}" + (f":\n{tail}" if tail else "")

    def _request(self, number: int, message: dict[str, Any]) -> None:
        self._heard = time.monotonic()
        if message.get("type") == "TriggerStateChanges":
            self._changes(message)
            self._respond(number, self._sync())
            return
        task = asyncio.get_running_loop().create_task(self._answer(number, message))
        self._answering.add(task)
        task.add_done_callback(self._answering.discard)

    def _changes(self, message: dict[str, Any]) -> None:
        for number, event, seq in message.get("events") or ():
            held = self.members.get(number)
            if held is not None and not held.over:
                self._on_event(held, event, seq)
        for number, traceback in message.get("failures") or ():
            held = self.members.get(number)
            if held is not None and not held.over:
                self._on_failure(held, traceback)
        for number in message.get("finished") or ():
            self._cancels -= {number, -number}
            self._leaving.pop(number, None)
            held = self.members.get(number)
            if held is not None and not held.over:
                self._on_failure(held, ["Trigger exited without sending an event."])

    def _sync(self) -> dict[str, Any]:
        create = []
        for held in self.members.values():
            if not held.told and not held.over:
                held.told = True
                create.append(run_trigger(held, self._bundle))
        persisted, self.persisted = self.persisted, []
        cancels, self._cancels = sorted(self._cancels), set()
        return {
            "type": "TriggerStateSync",
            "to_create": create,
            "to_cancel": cancels,
            "events_persisted": persisted or None,
        }

    async def _answer(self, number: int, message: dict[str, Any]) -> None:
        held = self._asker(message)
        if held is None:
            self._respond(number, error=api_error(status=403, message="no trigger asks"))
            return
        body, error = await answer_trigger(held.asking, message)
        self._respond(number, body, error)

    def _asker(self, message: dict[str, Any]) -> Held | None:
        """Who asks, by its own word: all of them are of one tenant and one bundle.

        One that was stopped runs on until its process hears of it: it has no right any more, least of all
        another's. Only its `on_kill` may still ask.
        """
        asker = message.pop("aerodrome_trigger", None)
        if isinstance(asker, int):
            return self.members.get(asker) or self._leaving.get(asker)
        ti = str(message.get("ti_id", ""))
        mine = [held for held in self.members.values() if not ti or held.work.id == ti]
        return mine[0] if mine else None

    def _respond(self, number: int, body: Any = None, error: Any = None) -> None:
        if self._child is not None:
            self._child.channel.respond(number, body, error)

    def _line(self, source: str, line: bytes) -> None:
        if source != "logs":
            self._tail.append(line.decode(errors="replace")[:1000])
            told = [held for held in self.members.values() if held.log is not None]
            if len(told) == 1 and told[0].log is not None:
                level = "info" if source == "stdout" else "error"
                told[0].log.raw(line, logger=f"task.{source}", level=level)
            return
        try:
            event = msgspec.json.decode(line)
        except msgspec.DecodeError:
            return
        if isinstance(event, dict):
            number = event.pop("trigger_id", None)
            held = self.members.get(number) or self._leaving.get(number)
            if held is not None and held.log is not None:
                held.log.structured(msgspec.json.encode(event))


def run_trigger(held: Held, bundle: str) -> dict[str, Any]:
    """Airflow's workload `RunTrigger`. The kwargs are plain JSON: nothing here is encrypted.

    Of a task that begins here they come from the DAG version, in which the bundle's folder is only marked.
    """
    order = held.order
    kwargs = (
        order.kwargs if isinstance(order.kwargs, str) else msgspec.json.encode(order.kwargs or {}).decode()
    )
    if order.dag_rel_path:
        kwargs = kwargs.replace(BUNDLE_MARK, msgspec.json.encode(bundle).decode()[1:-1])
    return {
        "type": "RunTrigger",
        "id": held.number,
        "classpath": order.classpath,
        "encrypted_kwargs": kwargs,
        "ti": order.ti,
        "timeout_after": order.timeout_at,
        "dag_data": {"dag_rel_path": order.dag_rel_path, "max_tries": order.max_tries}
        if order.dag_rel_path
        else None,
        "dag_run_data": order.dag_run,
        "watched_assets": order.assets or None,
    }
