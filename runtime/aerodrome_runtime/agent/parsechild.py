"""One parse child, seen from the agent: what it told, or how it failed to tell. Bounded in time and bytes."""

from __future__ import annotations

import asyncio
import os
import signal
from dataclasses import dataclass
from typing import Any

from aerodrome_runtime.agent.zygotelink import ForkRefused, ZygoteLink, ZygoteLost
from aerodrome_runtime.zygote.orders import Exited, Fork

PRINTED_KEPT = 8 * 1024


@dataclass(frozen=True)
class Told:
    """`result` is complete only when `exit_code` is 0. `excess` and `late` say who was killed for what."""

    result: bytes
    printed: str
    exited: Exited
    excess: bool
    late: bool
    refusal: str | None


class _Pipe:
    """Collects up to `most` bytes; calls `overflow` when there is more."""

    def __init__(
        self, loop: asyncio.AbstractEventLoop, fd: int, most: int, keep: int, overflow: object
    ) -> None:
        self._loop = loop
        self._fd = fd
        self._most = most
        self._keep = keep
        self._overflow = overflow
        self.seen = 0
        self.data = bytearray()
        os.set_blocking(fd, False)
        loop.add_reader(fd, self.read)

    def read(self) -> bool:
        try:
            chunk = os.read(self._fd, 262_144)
        except BlockingIOError:
            return False
        except OSError:
            chunk = b""
        if not chunk:
            self._loop.remove_reader(self._fd)
            return False
        self.seen += len(chunk)
        if len(self.data) < self._keep:
            self.data += chunk[: self._keep - len(self.data)]
        if self.seen > self._most and callable(self._overflow):
            self._overflow()
        return True

    def close(self) -> None:
        while self.seen <= self._most and self.read():
            pass
        self._loop.remove_reader(self._fd)
        os.close(self._fd)


async def run_parse_child(*, link: ZygoteLink, order: Fork, output_bytes: int, seconds: float) -> Told:
    """Fork the child of `order` and stay until it is gone, at most `seconds`."""
    loop = asyncio.get_running_loop()
    exited: asyncio.Future[Exited] = loop.create_future()
    over = asyncio.Event()
    ends = [os.pipe2(os.O_CLOEXEC) for _ in range(3)]
    result = _Pipe(loop, ends[0][0], output_bytes, output_bytes, over.set)
    printed = [_Pipe(loop, read, output_bytes, PRINTED_KEPT, over.set) for read, _ in ends[1:]]

    def exit(word: Exited) -> None:
        if not exited.done():
            exited.set_result(word)

    number, pid = link.fork(order, fds=[write for _, write in ends], on_exit=exit)
    for _, write in ends:
        os.close(write)
    refusal = None
    late = False
    try:
        try:
            await pid
        except (ForkRefused, ZygoteLost) as error:
            refusal = str(error)
            exit(Exited(id=number, exit_code=None, signal=None, peak_bytes=0, cpu_seconds=0.0))
        overflow = asyncio.create_task(over.wait())
        either: list[asyncio.Future[Any]] = [exited, overflow]
        done, _ = await asyncio.wait(either, timeout=seconds, return_when=asyncio.FIRST_COMPLETED)
        overflow.cancel()
        late = not done
        if not exited.done():
            link.signal(number, signal.SIGKILL, group=True)
        ended = await exited
    finally:
        for pipe in (result, *printed):
            pipe.close()
    text = b"\n".join(bytes(pipe.data) for pipe in printed).decode(errors="replace").strip()
    return Told(bytes(result.data), text, ended, over.is_set(), late, refusal)
