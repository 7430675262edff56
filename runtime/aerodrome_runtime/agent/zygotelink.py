"""One zygote process, seen from the agent: orders out, answers in, children by number."""

from __future__ import annotations

import asyncio
import itertools
import logging
import os
import signal
import socket
import subprocess
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import IO

import msgspec

from aerodrome_runtime.zygote.orders import (
    MAX_PACKET,
    Answer,
    Exited,
    Fork,
    Forked,
    Ready,
    Refused,
    Signal,
)

log = logging.getLogger("aerodrome.agent")
READY_SECONDS = 120.0


class ZygoteLost(Exception):
    """The zygote ended: what it held is gone, a new one can be started."""


class ForkRefused(Exception):
    """The zygote could not make this child; the text says why."""


class ZygoteLink:
    """Orders go out at once; `fork` returns the child's number and a future of its pid.

    `on_exit(Exited)` of a child is called exactly once: when it was reaped, or (exit_code and signal None) when
    the zygote was lost.
    """

    def __init__(self, *, loop: asyncio.AbstractEventLoop, control: socket.socket, name: str) -> None:
        self.name = name
        self.lost = False
        self.ready: asyncio.Future[Ready] = loop.create_future()
        self._loop = loop
        self._control = control
        self._numbers = itertools.count(1)
        self._pids: dict[int, asyncio.Future[int]] = {}
        self._exits: dict[int, Callable[[Exited], None]] = {}
        self._encoder = msgspec.msgpack.Encoder()
        self._decoder = msgspec.msgpack.Decoder(Answer)
        self._unsent: list[tuple[bytes, list[int]]] = []
        self.on_lost: Callable[[], None] = lambda: None
        control.setblocking(False)
        loop.add_reader(control.fileno(), self._readable)

    @property
    def children(self) -> int:
        return len(self._exits)

    def fork(
        self, order: Fork, *, fds: list[int], on_exit: Callable[[Exited], None]
    ) -> tuple[int, asyncio.Future[int]]:
        """Order a child; its `id` is given here. `fds` are duplicated: the caller still closes its own copies."""
        number = order.id = next(self._numbers)
        future: asyncio.Future[int] = self._loop.create_future()
        if self.lost:
            future.set_exception(ZygoteLost(self.name))
            return number, future
        self._pids[number] = future
        self._exits[number] = on_exit
        self._send(self._encoder.encode(order), [os.dup(fd) for fd in fds])
        return number, future

    def signal(self, number: int, sig: int, *, group: bool = False) -> None:
        """Signal a child that has not been reaped; otherwise nothing happens."""
        if not self.lost and number in self._exits:
            self._send(self._encoder.encode(Signal(id=number, signal=sig, group=group)), [])

    def close(self) -> None:
        """End the zygote: it kills its children when the control socket closes."""
        self._end()

    def _send(self, data: bytes, fds: list[int]) -> None:
        if not self._unsent:
            try:
                self._send_now(data, fds)
                return
            except BlockingIOError:
                self._loop.add_writer(self._control.fileno(), self._writable)
            except OSError:
                self._end()
                return
        self._unsent.append((data, fds))

    def _send_now(self, data: bytes, fds: list[int]) -> None:
        if fds:
            socket.send_fds(self._control, [data], fds)
            for fd in fds:
                os.close(fd)
        else:
            self._control.send(data)

    def _writable(self) -> None:
        while self._unsent:
            try:
                self._send_now(*self._unsent[0])
            except BlockingIOError:
                return
            except OSError:
                self._end()
                return
            self._unsent.pop(0)
        self._loop.remove_writer(self._control.fileno())

    def _readable(self) -> None:
        for _ in range(16):
            try:
                data = self._control.recv(MAX_PACKET)
            except BlockingIOError:
                return
            except OSError:
                data = b""
            if not data:
                self._end()
                return
            try:
                answer = self._decoder.decode(data)
            except msgspec.DecodeError:
                # A DAG zygote has run tenant code: what it says may be anything.
                self._end()
                return
            self._take(answer)
            if self.lost:
                return

    def _take(self, answer: Answer) -> None:
        if isinstance(answer, Ready):
            if not self.ready.done():
                self.ready.set_result(answer)
        elif isinstance(answer, Forked):
            future = self._pids.pop(answer.id, None)
            if future is not None and not future.done():
                future.set_result(answer.pid)
        elif isinstance(answer, Refused):
            future = self._pids.pop(answer.id, None)
            self._exits.pop(answer.id, None)
            if future is not None and not future.done():
                future.set_exception(ForkRefused(answer.message))
        else:
            on_exit = self._exits.pop(answer.id, None)
            if on_exit is not None:
                on_exit(answer)

    def _end(self) -> None:
        if self.lost:
            return
        self.lost = True
        self._loop.remove_reader(self._control.fileno())
        self._loop.remove_writer(self._control.fileno())
        self._control.close()
        for _, fds in self._unsent:
            for fd in fds:
                os.close(fd)
        self._unsent.clear()
        if not self.ready.done():
            self.ready.set_exception(ZygoteLost(self.name))
            self.ready.exception()
        for future in self._pids.values():
            if not future.done():
                future.set_exception(ZygoteLost(self.name))
                future.exception()
        self._pids.clear()
        exits, self._exits = self._exits, {}
        for number, on_exit in exits.items():
            on_exit(Exited(id=number, exit_code=None, signal=None, peak_bytes=0, cpu_seconds=0.0))
        self.on_lost()


class BaseZygote:
    """The process of a base zygote, and the link to it."""

    def __init__(self, *, process: subprocess.Popen[bytes], link: ZygoteLink, used_at: float) -> None:
        self.process = process
        self.link = link
        self.used_at = used_at

    def reap(self) -> None:
        """Collect the ended process; call again later when it has not ended yet."""
        with suppress(subprocess.TimeoutExpired):
            self.process.wait(timeout=0)

    def kill(self) -> None:
        self.link.close()
        with suppress(ProcessLookupError):
            self.process.send_signal(signal.SIGKILL)


def start_base_zygote(
    *,
    loop: asyncio.AbstractEventLoop,
    python: Path,
    environment: dict[str, str],
    errors: IO[bytes] | int,
    now: float,
) -> BaseZygote:
    """Start `python -m aerodrome_runtime.zygote`. Its link is ready when `link.ready` resolves."""
    ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    ours.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 4 * MAX_PACKET)
    try:
        process = subprocess.Popen(
            [str(python), "-m", "aerodrome_runtime.zygote", str(theirs.fileno())],
            pass_fds=[theirs.fileno()],
            env=environment,
            cwd="/",
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=errors,
            start_new_session=True,
        )
    except OSError:
        ours.close()
        raise
    finally:
        theirs.close()
    return BaseZygote(
        process=process,
        link=ZygoteLink(loop=loop, control=ours, name=f"base zygote {process.pid}"),
        used_at=now,
    )
