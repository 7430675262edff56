"""One forked child, seen from the agent: its requests, its lines, its end."""

from __future__ import annotations

import asyncio
import os
import signal
import socket
from collections.abc import Callable
from contextlib import suppress
from typing import Any

import msgspec

from aerodrome_runtime.agent.frames import FrameChannel
from aerodrome_runtime.agent.pipes import LinePipe
from aerodrome_runtime.agent.zygotelink import ZygoteLink
from aerodrome_runtime.jail.cgroups import Cgroup
from aerodrome_runtime.zygote.orders import Exited, Fork

READY_ID = -1
EARLY_BYTES = 256 * 1024
"""How much a spare may print while it loads its file; what comes after is dropped until it gets a task."""

Line = tuple[str, bytes]


class Child:
    """A spare from its fork to its end. Lines that come before a task is attached are kept for its log."""

    def __init__(self, *, loop: asyncio.AbstractEventLoop, link: ZygoteLink) -> None:
        self._loop = loop
        self._link = link
        self.number = 0
        self.pid: int | None = None
        self.ready: asyncio.Future[dict[str, Any]] = loop.create_future()
        self.exited: asyncio.Future[Exited] = loop.create_future()
        self.drained = asyncio.Event()
        self.refusal: str | None = None
        self._pidfd: int | None = None
        self._cgroup: Cgroup | None = None
        self._early: list[Line] = []
        self._early_bytes = 0
        self._open = 3
        self._on_line: Callable[[str, bytes], None] = self._keep
        self._on_request: Callable[[int, dict[str, Any]], None] | None = None

    def fork(self, order: Fork) -> None:
        """Order the fork; `ready` or `exited` will be set, whatever happens."""
        requests, theirs = socket.socketpair()
        pipes = {name: os.pipe2(os.O_CLOEXEC) for name in ("logs", "stdout", "stderr")}
        self.channel = FrameChannel(
            loop=self._loop,
            sock=requests,
            on_request=self._request,
            on_closed=lambda: None,
            on_refused=lambda why: self._on_line("stderr", why.encode()),
        )
        self.pipes = {
            name: LinePipe(
                loop=self._loop,
                fd=read,
                on_line=lambda line, name=name: self._on_line(name, line),
                on_closed=self._pipe_closed,
            )
            for name, (read, _) in pipes.items()
        }
        fds = [theirs.fileno(), *(write for _, write in pipes.values())]
        try:
            self.number, pid = self._link.fork(order, fds=fds, on_exit=self._exit)
        finally:
            theirs.close()
            for _, write in pipes.values():
                os.close(write)
        pid.add_done_callback(self._forked)

    def give(
        self,
        message: dict[str, Any],
        *,
        on_request: Callable[[int, dict[str, Any]], None],
        on_line: Callable[[str, bytes], None],
    ) -> None:
        """Hand the one task over. Lines of the load come first."""
        self._on_request = on_request
        self._on_line = on_line
        early, self._early = self._early, []
        for name, line in early:
            on_line(name, line)
        self.channel.send(msgspec.msgpack.encode([0, message]))

    def preface(self, lines: list[Line]) -> None:
        """What the child's DAG zygote said while it loaded the file comes first in the task's log."""
        self._early[:0] = lines

    def take_hold(self, cgroup: Cgroup | None) -> None:
        """Of a ready child of a DAG zygote: that one may not signal it (another uid), so the agent does.

        The pid is the kernel's word, not the zygote's; the pidfd keeps meaning this process. Raises OSError
        when it is gone already.
        """
        pid = self.channel.peer_pid
        if pid is None or self.exited.done():
            raise ProcessLookupError("the child is gone")
        self.pid = pid
        self._pidfd = os.pidfd_open(pid)
        if cgroup is not None:
            self._cgroup = cgroup
            cgroup.add(pid)

    def signal(self, sig: int, *, group: bool = False) -> None:
        """Signal the child; with `group` everything it started, too."""
        if self._pidfd is None:
            self._link.signal(self.number, sig, group=group)
            return
        with suppress(ProcessLookupError):
            signal.pidfd_send_signal(self._pidfd, sig)
        if group and self._cgroup is not None and not self.exited.done():
            self._cgroup.kill()

    def pause(self, stop: bool) -> None:
        """Stop or resume reading the child's lines: its writes block meanwhile."""
        for pipe in self.pipes.values():
            if stop:
                pipe.pause()
            else:
                pipe.resume()

    def new_log_pipe(self, request: int) -> None:
        """Answer ResendLoggingFD: one more log pipe, its writing end beside the frame."""
        read, write = os.pipe2(os.O_CLOEXEC)
        self._open += 1
        name = f"logs{self._open}"
        self.drained.clear()
        self.pipes[name] = LinePipe(
            loop=self._loop,
            fd=read,
            on_line=lambda line: self._on_line("logs", line),
            on_closed=self._pipe_closed,
        )
        body = {"type": "SentFDs", "fds": [write]}
        with suppress(OSError):
            self.channel.send_with_fd(msgspec.msgpack.encode([request, body]), write)
        os.close(write)

    @property
    def orderly(self) -> bool:
        """Whether the zygote reaped this child, or it never lived: nothing of it can be left."""
        if not self.exited.done():
            return False
        ended = self.exited.result()
        return self.refusal is not None or ended.exit_code is not None or ended.signal is not None

    def early_text(self) -> str:
        """The last of what was printed before a task came, for the log of a task that cannot start."""
        return "\n".join(line.decode(errors="replace") for _, line in self._early[-20:])

    def _forked(self, pid: asyncio.Future[int]) -> None:
        if pid.cancelled():
            return
        error = pid.exception()
        if error is None:
            self.pid = pid.result()
            return
        self.refusal = str(error)
        self._exit(Exited(id=self.number, exit_code=None, signal=None, peak_bytes=0, cpu_seconds=0.0))

    def _request(self, number: int, body: dict[str, Any]) -> None:
        if number == READY_ID and not self.ready.done():
            self.ready.set_result(body)
        elif self._on_request is not None:
            self._on_request(number, body)

    def _exit(self, exited: Exited) -> None:
        if not self.exited.done():
            self.exited.set_result(exited)
        if self._pidfd is not None:
            # Its zygote's word for the end is not enough, and no namespace ends with it: kill what is left now,
            # or a daemon would hold the pipes open.
            self.signal(signal.SIGKILL)
            if self._cgroup is not None and self._cgroup.pids():
                self._cgroup.kill()
            os.close(self._pidfd)
            self._pidfd = None
        self.channel.close()
        # Everything the child wrote is in the pipes by now. A process that escaped its session may still hold
        # a writing end: it is not waited for.
        for pipe in list(self.pipes.values()):
            pipe.drain()

    def _pipe_closed(self) -> None:
        self._open -= 1
        if self._open == 0:
            self.drained.set()

    def _keep(self, name: str, line: bytes) -> None:
        if self._early_bytes < EARLY_BYTES:
            self._early_bytes += len(line)
            self._early.append((name, line))
