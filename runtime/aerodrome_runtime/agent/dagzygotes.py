"""DAG zygotes: one jailed process per file of a bundle version, whose forks are that file's attempts.

The file is loaded once instead of once per attempt, and the jail is built once: a spare then costs a fork, a uid
and a dummy run. Only where the jail is complete (`full`); elsewhere each spare loads the file itself.
"""

from __future__ import annotations

import asyncio
import logging
import os
import signal
import socket
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from aerodrome_runtime.agent.confine import Confinement, Nest
from aerodrome_runtime.agent.pipes import LinePipe
from aerodrome_runtime.agent.runtimes import Runtime
from aerodrome_runtime.agent.zygotelink import ForkRefused, ZygoteLink, ZygoteLost
from aerodrome_runtime.agent.zygotes import BaseZygotes
from aerodrome_runtime.zygote.orders import Exited, Fork, Place
from taskwire.workload import Limits

log = logging.getLogger("aerodrome.agent")
LOAD_SECONDS = 300.0
MOST_FORKS = 1000
"""After so many a fresh one is started: what attempts left in the shared /tmp goes with the old one."""
EARLY_BYTES = 256 * 1024


class LoadFailed(Exception):
    """The file ended its process or took too long while it was loaded; the text is for the task's log."""


class NotForkable(Exception):
    """The file started threads while it was loaded: its attempts must load it themselves."""


@dataclass(frozen=True)
class Key:
    """Children with the same key are interchangeable."""

    tenant_id: str
    tenant: str
    runtime: Runtime
    place: str
    bundle_name: str
    bundle_version: str | None
    dag_rel_path: str
    limits: Limits

    def __hash__(self) -> int:
        return hash((self.tenant_id, self.runtime.digest, self.place, self.dag_rel_path))

    def at(self) -> Place:
        return Place(
            bundle_path=self.place,
            bundle_name=self.bundle_name,
            bundle_version=self.bundle_version,
            dag_rel_path=self.dag_rel_path,
            runtime_path=str(self.runtime.path),
        )


class DagZygote:
    """A loaded one. `lines` is what the file printed and logged while it was loaded."""

    def __init__(self, *, key: Key, nest: Nest) -> None:
        self.key = key
        self.nest = nest
        self.link: ZygoteLink | None = None
        self.lines: list[tuple[str, bytes]] = []
        self.forks = 0
        self.retired = False
        self._kept = 0
        self._base: ZygoteLink | None = None
        self._number = 0
        self.exited: asyncio.Future[Exited] = asyncio.get_running_loop().create_future()

    def start(self, base: ZygoteLink) -> asyncio.Future[int]:
        """Order it from the base zygote; `link.ready` or `exited` will be set, or the returned pid fails."""
        loop = asyncio.get_running_loop()
        control, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        pipes = {name: os.pipe2(os.O_CLOEXEC) for name in ("logs", "stdout", "stderr")}
        self.link = ZygoteLink(loop=loop, control=control, name=f"DAG zygote of {self.key.dag_rel_path}")
        self._pipes = [
            LinePipe(
                loop=loop,
                fd=read,
                on_line=lambda line, name=name: self._keep(name, line),
                on_closed=lambda: None,
            )
            for name, (read, _) in pipes.items()
        ]
        self._base = base
        order = Fork(
            id=0,
            role="dags",
            place=self.key.at(),
            jail=self.nest.confined.jail,
            title=f"aerodrome-zygote {self.key.tenant}",
            environment=self.nest.confined.environment,
        )
        fds = [theirs.fileno(), *(write for _, write in pipes.values())]
        self._number, pid = base.fork(order, fds=fds, on_exit=self._exit)
        theirs.close()
        for _, write in pipes.values():
            os.close(write)
        return pid

    def end(self) -> None:
        """Kill it, and by the end of its pid namespace all of its attempts."""
        if self._base is not None and not self.exited.done():
            self._base.signal(self._number, signal.SIGKILL)

    def _exit(self, word: Exited) -> None:
        if not self.exited.done():
            self.exited.set_result(word)
        if self.link is not None:
            self.link.close()
        for pipe in self._pipes:
            pipe.drain()

    def _keep(self, name: str, line: bytes) -> None:
        if self._kept < EARLY_BYTES:
            self._kept += len(line)
            self.lines.append((name, line))


class DagZygotes:
    """`get` gives a loaded one, starting it when there is none."""

    def __init__(self, *, zygotes: BaseZygotes, confinement: Confinement, slots: int) -> None:
        self._zygotes = zygotes
        self._confinement = confinement
        self._slots = slots
        self._running: dict[Key, asyncio.Task[DagZygote]] = {}
        self._threaded: set[Key] = set()

    async def get(self, key: Key) -> DagZygote:
        """Raises LoadFailed, NotForkable or ZygoteLost."""
        if key in self._threaded:
            raise NotForkable(key.dag_rel_path)
        task = self._running.get(key)
        if task is not None and task.done() and not _usable(task):
            task = None
        if task is None:
            task = asyncio.create_task(self._start(key))
            self._running[key] = task
        zygote = await asyncio.shield(task)
        zygote.forks += 1
        return zygote

    def forget(self, key: Key) -> None:
        """Nobody needs this file any more: end its zygote once it has no attempt."""
        task = self._running.pop(key, None)
        if task is not None and task.done() and not task.cancelled() and task.exception() is None:
            zygote = task.result()
            zygote.retired = True
            self.end_if_empty(zygote)

    def end_if_empty(self, zygote: DagZygote) -> None:
        """A retired one ends with its last attempt. Called when an attempt of it is over."""
        if zygote.forks >= MOST_FORKS and not zygote.retired:
            self.forget(zygote.key)
        elif zygote.retired and zygote.link is not None and not zygote.link.children:
            zygote.end()

    def close(self) -> None:
        for task in self._running.values():
            if not task.done():
                task.cancel()
            elif not task.cancelled() and task.exception() is None:
                task.result().end()

    async def _start(self, key: Key) -> DagZygote:
        base = await self._zygotes.link(key.runtime)
        nest = self._confinement.nest(
            runtime=key.runtime, bundle=Path(key.place), limits=key.limits, attempts=self._slots * 2
        )
        zygote = DagZygote(key=key, nest=nest)
        pid = zygote.start(base)
        link = zygote.link
        assert link is not None

        def gone(_: asyncio.Future[Exited]) -> None:
            self._confinement.clear_nest(nest)

        zygote.exited.add_done_callback(gone)
        try:
            await pid
        except (ForkRefused, ZygoteLost) as error:
            zygote._exit(Exited(id=0, exit_code=None, signal=None, peak_bytes=0, cpu_seconds=0.0))
            raise LoadFailed(f"the jail could not be built: {error}") from error
        try:
            either: list[asyncio.Future[Any]] = [link.ready, zygote.exited]
            await asyncio.wait(either, timeout=LOAD_SECONDS, return_when=asyncio.FIRST_COMPLETED)
        finally:
            if not link.ready.done() or link.ready.exception() is not None:
                zygote.end()
        if zygote.exited.done() or not link.ready.done():
            ended = await zygote.exited
            how = f"exit code {ended.exit_code}" if ended.signal is None else f"signal {ended.signal}"
            printed = "\n".join(line.decode(errors="replace") for _, line in zygote.lines[-20:])
            raise LoadFailed(
                f"{key.dag_rel_path} ended its process while it was loaded ({how})\n{printed}".rstrip()
            )
        self._confinement.own_nest(nest)
        if link.ready.result().threads > 1:
            self._threaded.add(key)
            zygote.end()
            raise NotForkable(f"{key.dag_rel_path} starts threads when it is imported")
        return zygote


def _usable(task: asyncio.Task[DagZygote]) -> bool:
    if task.cancelled() or task.exception() is not None:
        return False
    zygote = task.result()
    return zygote.link is not None and not zygote.link.lost and not zygote.retired
