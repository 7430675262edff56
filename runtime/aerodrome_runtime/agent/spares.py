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
from typing import Any

from aerodrome_runtime.agent.child import Child
from aerodrome_runtime.agent.confine import Confined, Confinement
from aerodrome_runtime.agent.dagzygotes import DagZygote, DagZygotes, Key, LoadFailed, NotForkable
from aerodrome_runtime.agent.uidblocks import NoBlockLeft
from aerodrome_runtime.agent.zygotelink import ForkRefused, ZygoteLost
from aerodrome_runtime.agent.zygotes import BaseZygotes
from aerodrome_runtime.zygote.orders import Exited, Fork

log = logging.getLogger("aerodrome.agent")
IDLE_SECONDS = 60.0
LOAD_SECONDS = 300.0
CALM = 1
LEAST_GROUPS = 8
"""At least so many files keep their zygote between tasks; twice the slots where that is more."""


class SpareFailed(Exception):
    """No child could be made ready for this file; the text is for the task's log."""


@dataclass
class Spare:
    child: Child
    confined: Confined
    zygote: DagZygote | None = None
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

    def __init__(
        self, *, zygotes: BaseZygotes, dags: DagZygotes | None, confinement: Confinement, slots: int
    ) -> None:
        self._zygotes = zygotes
        self._dags = dags
        self._confinement = confinement
        self._slots = slots
        self._groups: dict[Key, _Group] = {}
        self._tasks: set[asyncio.Task[None]] = set()
        self._taken = 0

    async def take(self, key: Key) -> Spare:
        """A warm child; raises SpareFailed when none can be made."""
        group = self._groups.get(key)
        if group is None:
            group = self._groups[key] = _Group(key)
            self._trim()
        group.taken_at = time.monotonic()
        self._taken += 1
        try:
            return await self._take(group)
        except BaseException:
            self._taken -= 1
            raise

    async def _take(self, group: _Group) -> Spare:
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
                self._drop(key, group)

    def _trim(self) -> None:
        """Many files in turn must not fill the memory with their zygotes: the longest unused go first."""
        most = max(LEAST_GROUPS, 2 * self._slots)
        for key, group in sorted(self._groups.items(), key=lambda item: item[1].taken_at)[:-most]:
            self._drop(key, group)

    def _drop(self, key: Key, group: _Group) -> None:
        while group.idle:
            self._end(group.idle.pop())
        if not group.starting and not group.waiting:
            del self._groups[key]
            if self._dags is not None:
                self._dags.forget(key)

    def idle(self) -> int:
        return sum(len(group.idle) for group in self._groups.values())

    async def close(self) -> None:
        for task in self._tasks:
            task.cancel()
        for group in self._groups.values():
            while group.idle:
                self._end(group.idle.pop())
        if self._dags is not None:
            self._dags.close()

    def memory_killed(self, spare: Spare) -> bool:
        """Whether the kernel killed something of this child for its memory."""
        return self._confinement.memory_killed(spare.confined)

    def clear(self, spare: Spare) -> None:
        """The child of a taken spare is gone: give its home and uid back."""
        self._taken -= 1
        self._give_back(spare)

    def _give_back(self, spare: Spare) -> None:
        if spare.zygote is None:
            self._confinement.clear(spare.confined, orderly=spare.child.orderly)
            return
        self._confinement.clear_lent(spare.zygote.nest, spare.confined)
        if self._dags is not None:
            self._dags.end_if_empty(spare.zygote)

    def _refill(self, group: _Group) -> None:
        wanted = len(group.waiting) + group.target - len(group.idle) - group.starting
        # Each start costs tens of milliseconds of processor: a few at a time.
        for _ in range(min(wanted, max(2, self._slots) - group.starting)):
            group.starting += 1
            task = asyncio.create_task(self._start(group))
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)

    async def _start(self, group: _Group) -> None:
        # The dummy run makes a task's start 6 ms shorter and its price 6 ms of processor higher: it is for
        # when there is processor time to spare, not for when somebody waits or half of the slots are busy.
        warm = len(group.waiting) < group.starting and 2 * self._taken <= self._slots
        try:
            spare = await self._make(group.key, warm=warm)
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
        if self._dags is not None:
            for _ in range(2):
                try:
                    zygote = await self._dags.get(key)
                    return await self._make_lent(zygote, warm=warm)
                except LoadFailed as error:
                    raise SpareFailed(str(error)) from error
                except NotForkable as error:
                    log.info("%s: its attempts load it themselves", error)
                    break
                except NoBlockLeft as error:
                    log.warning("%s: %s", key.dag_rel_path, error)
                    break
                except (ZygoteLost, ForkRefused, OSError) as error:
                    last = str(error)
            else:
                raise SpareFailed(f"no child could be forked: {last}")
        return await self._make_loading(key, warm=warm)

    async def _make_lent(self, zygote: DagZygote, *, warm: bool) -> Spare:
        """A fork of a DAG zygote."""
        link = zygote.link
        assert link is not None
        confined = self._confinement.lend(zygote.nest, zygote.key.limits)
        child = Child(loop=asyncio.get_running_loop(), link=link)
        spare = Spare(child, confined, zygote)
        child.fork(
            Fork(
                id=0,
                role="spare",
                place=zygote.key.at(),
                title=f"aerodrome-spare {zygote.key.tenant}",
                environment=confined.environment,
                warm=warm,
                uid=confined.uid,
            )
        )
        child.preface(zygote.lines)
        if not await _until_ready(child):
            self._give_back(spare)
            raise ZygoteLost(f"{link.name}: a child ended before it was ready: {child.early_text()[-500:]}")
        try:
            child.take_hold(confined.cgroup)
        except OSError as error:
            await child.exited
            self._give_back(spare)
            raise ZygoteLost(f"{link.name}: a child ended before it was held: {error}") from error
        return spare

    async def _make_loading(self, key: Key, *, warm: bool) -> Spare:
        """A fork of the base zygote, in a jail of its own, that loads the file itself."""
        last = "no zygote"
        for _ in range(2):
            try:
                link = await self._zygotes.link(key.runtime)
            except (ZygoteLost, OSError) as error:
                last = f"the zygote could not be started: {error}"
                continue
            confined = self._confinement.prepare(
                runtime=key.runtime, bundle=Path(key.place), limits=key.limits
            )
            child = Child(loop=asyncio.get_running_loop(), link=link)
            spare = Spare(child, confined)
            child.fork(
                Fork(
                    id=0,
                    role="spare",
                    place=key.at(),
                    jail=confined.jail,
                    title=f"aerodrome-spare {key.tenant}",
                    environment=confined.environment,
                    warm=warm,
                )
            )
            if await _until_ready(child):
                return spare
            self._give_back(spare)
            ended = child.exited.result()
            last = child.refusal or f"it ended while loading (exit {ended.exit_code}, signal {ended.signal})"
            if not link.lost:
                raise SpareFailed(f"{key.dag_rel_path}: {last}\n{child.early_text()}".rstrip())
        raise SpareFailed(last)

    def _end(self, spare: Spare) -> None:
        spare.child.signal(signal.SIGKILL, group=True)

        def clear(_: asyncio.Future[Exited]) -> None:
            self._give_back(spare)

        spare.child.exited.add_done_callback(clear)


async def _until_ready(child: Child) -> bool:
    """Whether the child got ready; if not, it has ended."""
    try:
        either: list[asyncio.Future[Any]] = [child.ready, child.exited]
        await asyncio.wait(either, timeout=LOAD_SECONDS, return_when=asyncio.FIRST_COMPLETED)
    except asyncio.CancelledError:
        child.signal(signal.SIGKILL, group=True)
        raise
    if not child.ready.done() and not child.exited.done():
        child.signal(signal.SIGKILL, group=True)
        await child.exited
    return not child.exited.done()


def _fail(waiting: deque[asyncio.Future[Spare]], error: SpareFailed) -> None:
    while waiting:
        future = waiting.popleft()
        if not future.done():
            future.set_exception(error)
            return
