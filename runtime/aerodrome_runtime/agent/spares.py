"""Warm children, ready before their task comes: per tenant, bundle version and DAG file.

`take` gives an idle one at once, or waits for the next that gets ready. How many are kept idle follows the
demand: one when calm, more when takers had to wait, never more than the agent has slots.
"""

from __future__ import annotations

import asyncio
import logging
import signal
import time
from collections import deque
from dataclasses import dataclass, field
from pathlib import Path

from aerodrome_runtime.agent.child import Child
from aerodrome_runtime.agent.confine import Confined, Confinement
from aerodrome_runtime.agent.runtimes import Runtime
from aerodrome_runtime.agent.zygotelink import ZygoteLost
from aerodrome_runtime.agent.zygotes import BaseZygotes
from aerodrome_runtime.zygote.orders import Fork, Place
from taskwire.workload import Limits

log = logging.getLogger("aerodrome.agent")
IDLE_SECONDS = 60.0
LOAD_SECONDS = 300.0
CALM = 1


class SpareFailed(Exception):
    """No child could be made ready for this file; the text is for the task's log."""


@dataclass(frozen=True)
class Key:
    """Children with the same key are interchangeable."""

    tenant_id: str
    tenant: str
    runtime: Runtime
    place_path: str
    bundle_name: str
    bundle_version: str | None
    dag_rel_path: str
    limits: Limits

    def __hash__(self) -> int:
        return hash((self.tenant_id, self.runtime.digest, self.place_path, self.dag_rel_path))


@dataclass
class Spare:
    child: Child
    confined: Confined
    at: float = field(default_factory=time.monotonic)


@dataclass
class _Group:
    key: Key
    idle: deque[Spare] = field(default_factory=deque)
    waiting: deque[asyncio.Future[Spare]] = field(default_factory=deque)
    starting: int = 0
    target: int = CALM
    taken_at: float = field(default_factory=time.monotonic)


class Spares:
    """Owns children until somebody takes them."""

    def __init__(self, *, zygotes: BaseZygotes, confinement: Confinement, slots: int) -> None:
        self._zygotes = zygotes
        self._confinement = confinement
        self._slots = slots
        self._groups: dict[Key, _Group] = {}
        self._tasks: set[asyncio.Task[None]] = set()

    async def take(self, key: Key) -> Spare:
        """A warm child; raises SpareFailed when none can be made."""
        group = self._groups.setdefault(key, _Group(key))
        group.taken_at = time.monotonic()
        while group.idle:
            spare = group.idle.popleft()
            if not spare.child.exited.done():
                self._refill(group)
                return spare
        group.target = min(self._slots, group.target + 1)
        future: asyncio.Future[Spare] = asyncio.get_running_loop().create_future()
        group.waiting.append(future)
        self._refill(group)
        return await future

    def evict(self) -> None:
        """End spares nobody took for a while. Called by the beat loop."""
        now = time.monotonic()
        for key, group in list(self._groups.items()):
            if now - group.taken_at > IDLE_SECONDS / 4:
                group.target = CALM
            while len(group.idle) > group.target:
                self._end(group.idle.pop())
            if now - group.taken_at > IDLE_SECONDS:
                while group.idle:
                    self._end(group.idle.pop())
                if not group.starting and not group.waiting:
                    del self._groups[key]

    def idle(self) -> int:
        return sum(len(group.idle) for group in self._groups.values())

    async def close(self) -> None:
        for task in self._tasks:
            task.cancel()
        for group in self._groups.values():
            while group.idle:
                self._end(group.idle.pop())

    def memory_killed(self, spare: Spare) -> bool:
        """Whether the kernel killed something of this child for its memory."""
        return self._confinement.memory_killed(spare.confined)

    def clear(self, spare: Spare) -> None:
        """The child of a taken spare is gone: give its home and uid back."""
        self._confinement.clear(spare.confined, orderly=spare.child.orderly)

    def _refill(self, group: _Group) -> None:
        wanted = len(group.waiting) + group.target - len(group.idle) - group.starting
        # Each start costs tens of milliseconds of processor: a few at a time.
        for _ in range(min(wanted, max(2, self._slots) - group.starting)):
            group.starting += 1
            task = asyncio.create_task(self._start(group))
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)

    async def _start(self, group: _Group) -> None:
        try:
            spare = await self._make(group.key, warm=len(group.waiting) <= group.starting - 1)
        except SpareFailed as error:
            group.starting -= 1
            if group.waiting:
                _fail(group.waiting, error)
            return
        except asyncio.CancelledError:
            group.starting -= 1
            raise
        group.starting -= 1
        while group.waiting:
            future = group.waiting.popleft()
            if not future.done():
                future.set_result(spare)
                self._refill(group)
                return
        group.idle.append(spare)

    async def _make(self, key: Key, *, warm: bool) -> Spare:
        loop = asyncio.get_running_loop()
        last = "no zygote"
        for _ in range(2):
            try:
                link = await self._zygotes.link(key.runtime)
            except (ZygoteLost, OSError) as error:
                last = f"the zygote could not be started: {error}"
                continue
            confined = self._confinement.prepare(
                runtime=key.runtime, bundle=Path(key.place_path), limits=key.limits
            )
            child = Child(loop=loop, link=link)
            child.fork(
                Fork(
                    id=0,
                    role="spare",
                    place=Place(
                        bundle_path=key.place_path,
                        bundle_name=key.bundle_name,
                        bundle_version=key.bundle_version,
                        dag_rel_path=key.dag_rel_path,
                        runtime_path=str(key.runtime.path),
                    ),
                    jail=confined.jail,
                    title=f"aerodrome-spare {key.tenant}",
                    environment=confined.environment,
                    warm=warm,
                )
            )
            try:
                await asyncio.wait(
                    [child.ready, child.exited], timeout=LOAD_SECONDS, return_when=asyncio.FIRST_COMPLETED
                )
            except asyncio.CancelledError:
                child.signal(signal.SIGKILL, group=True)
                raise
            if not child.ready.done() and not child.exited.done():
                child.signal(signal.SIGKILL, group=True)
                await child.exited
                self._confinement.clear(confined, orderly=child.orderly)
                raise SpareFailed(f"{key.dag_rel_path} did not load in {LOAD_SECONDS:.0f} s")
            if child.exited.done():
                self._confinement.clear(confined, orderly=child.orderly)
                ended = child.exited.result()
                last = (
                    child.refusal or f"it ended while loading (exit {ended.exit_code}, signal {ended.signal})"
                )
                if link.lost:
                    continue
                raise SpareFailed(f"{key.dag_rel_path}: {last}\n{child.early_text()}".rstrip())
            return Spare(child, confined)
        raise SpareFailed(last)

    def _end(self, spare: Spare) -> None:
        spare.child.signal(signal.SIGKILL, group=True)

        def clear(_: asyncio.Future[object]) -> None:
            self._confinement.clear(spare.confined, orderly=spare.child.orderly)

        spare.child.exited.add_done_callback(clear)


def _fail(waiting: deque[asyncio.Future[Spare]], error: SpareFailed) -> None:
    while waiting:
        future = waiting.popleft()
        if not future.done():
            future.set_exception(error)
            return
