"""The loop of every zygote: take an order, fork, reap, tell. One thread, no lock, no socket but the control one.

Before: the process is single-threaded and warm. After: the control socket reached its end (the agent is gone)
and every child has been killed. Called by `__main__` for the base zygote and by `dagzygote` for a DAG zygote.
"""

from __future__ import annotations

import os
import select
import signal
import socket
from collections.abc import Callable
from contextlib import suppress

import msgspec

from aerodrome_runtime.zygote.forking import JailRefused, end_child, fork_child
from aerodrome_runtime.zygote.orders import (
    MAX_PACKET,
    Answer,
    Exited,
    Fork,
    Forked,
    Order,
    Refused,
    Signal,
)

Role = Callable[[Fork, list[int]], None]
"""What a child does: it gets the order and its descriptors, and ends the process itself."""


def serve(*, control: socket.socket, roles: dict[str, Role], ready: Answer) -> None:
    """Answer orders until the agent is gone.

    `roles` names what a child may become; an order for another role is refused. `ready` is sent first.
    """
    loop = _Loop(control, roles)
    loop.answer(ready)
    loop.run()


class _Loop:
    def __init__(self, control: socket.socket, roles: dict[str, Role]) -> None:
        self.control = control
        self.roles = roles
        self.pids: dict[int, int] = {}
        self.ids: dict[int, int] = {}
        self.decoder = msgspec.msgpack.Decoder(Order)
        self.encoder = msgspec.msgpack.Encoder()
        self.wake, self.waker = socket.socketpair()
        self.wake.setblocking(False)
        self.waker.setblocking(False)

    def run(self) -> None:
        signal.signal(signal.SIGCHLD, lambda *_: None)
        signal.set_wakeup_fd(self.waker.fileno(), warn_on_full_buffer=False)
        poll = select.poll()
        poll.register(self.control, select.POLLIN)
        poll.register(self.wake, select.POLLIN)
        try:
            while True:
                for fd, _event in poll.poll():
                    if fd == self.wake.fileno():
                        with suppress(BlockingIOError):
                            self.wake.recv(4096)
                        self.reap()
                    elif not self.take():
                        return
        finally:
            self.end()

    def take(self) -> bool:
        """Handle one order; False when the agent is gone."""
        data, fds, _flags, _address = socket.recv_fds(self.control, MAX_PACKET, 8)
        if not data:
            return False
        order = self.decoder.decode(data)
        if isinstance(order, Signal):
            self.signal(order)
            return True
        try:
            self.fork(order, fds)
        except (OSError, JailRefused) as error:
            self.answer(Refused(id=order.id, message=f"{type(error).__name__}: {error}"))
        finally:
            for fd in fds:
                os.close(fd)
        return True

    def fork(self, order: Fork, fds: list[int]) -> None:
        role = self.roles.get(order.role)
        if role is None:
            raise JailRefused(f"this zygote forks {sorted(self.roles)}, not {order.role}")

        def child() -> None:
            signal.set_wakeup_fd(-1)
            signal.signal(signal.SIGCHLD, signal.SIG_DFL)
            for own in (self.control, self.wake, self.waker):
                # A jail has closed every descriptor but the child's own already.
                with suppress(OSError):
                    own.close()
            role(order, fds)

        pid = fork_child(jail=order.jail, keep_fds=fds, child_main=child, uid=order.uid)
        self.pids[pid] = order.id
        self.ids[order.id] = pid
        self.answer(Forked(id=order.id, pid=pid))

    def signal(self, order: Signal) -> None:
        pid = self.ids.get(order.id)
        if pid is None:
            return
        with suppress(ProcessLookupError, PermissionError):
            if order.group:
                os.killpg(pid, order.signal)
            else:
                os.kill(pid, order.signal)
        if order.group:
            # The leader may not have reached its setsid() yet.
            with suppress(ProcessLookupError, PermissionError):
                os.kill(pid, order.signal)

    def reap(self) -> None:
        while True:
            try:
                pid, status, usage = os.wait4(-1, os.WNOHANG)
            except ChildProcessError:
                return
            if pid == 0:
                return
            number = self.pids.pop(pid, None)
            if number is None:
                continue
            del self.ids[number]
            end_child(pid)
            code = os.waitstatus_to_exitcode(status)
            self.answer(
                Exited(
                    id=number,
                    exit_code=code if code >= 0 else None,
                    signal=-code if code < 0 else None,
                    peak_bytes=usage.ru_maxrss * 1024,
                    cpu_seconds=usage.ru_utime + usage.ru_stime,
                )
            )

    def answer(self, message: Answer) -> None:
        with suppress(BrokenPipeError, ConnectionResetError):
            self.control.send(self.encoder.encode(message))

    def end(self) -> None:
        for pid in self.pids:
            for kill in (os.killpg, os.kill):
                with suppress(ProcessLookupError, PermissionError):
                    kill(pid, signal.SIGKILL)
        for pid in self.pids:
            with suppress(ChildProcessError):
                os.waitpid(pid, 0)
