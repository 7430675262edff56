"""Keeps the processes of one stack running: starts them in order, restarts what dies, stops them in reverse.

One thread, one loop. It must be the main thread: the kernel ends the children when the thread that made them
ends. Between signals and probes it sleeps in ``select``.
"""

from __future__ import annotations

import select
import signal
import socket
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager, suppress

from launcher.log_files import trim_log
from launcher.processes import ManagedProcess, ProcessSpec

_TICK_BUSY_SECONDS = 0.05
_TICK_IDLE_SECONDS = 0.5
_TRIM_LOGS_SECONDS = 60.0
_TELL_SECONDS = 5.0


class TableInvalid(Exception):
    """The table of processes names an unknown process in ``after``, or waits in a circle."""


class Supervisor:
    """Runs a table of processes until it is told to stop.

    ``on_change(supervisor)`` is called after every change of a state (it writes the status file); ``tell``
    takes lines for people; ``on_ready`` is called once, when every process is healthy for the first time.
    """

    def __init__(
        self,
        table: Sequence[ProcessSpec],
        *,
        on_change: Callable[[Supervisor], None],
        on_ready: Callable[[], None],
        tell: Callable[[str], None],
    ) -> None:
        self.processes = [ManagedProcess(spec) for spec in table]
        self.state = "starting"
        self._by_name = {process.spec.name: process for process in self.processes}
        self._depths = _depths(table)
        self._on_change, self._on_ready, self._tell = on_change, on_ready, tell
        self._stop_requests = 0
        self._told_at = self._trimmed_at = time.monotonic()

    def request_stop(self) -> None:
        """Makes ``run`` stop everything and return. Asked twice, nothing is waited for any more."""
        self._stop_requests += 1

    def run(self) -> None:
        """Starts and watches until asked to stop (SIGTERM, SIGINT).

        When a first start failed, stops everything and raises ``ProcessFailed``, or what the spec's
        ``prepare`` or ``after_first_ready`` raised.
        """
        with _signals(self.request_stop) as wake:
            try:
                while not self._stop_requests:
                    changed = self._tend_all()
                    if changed:
                        before = self.state
                        self._settle_state()
                        self._on_change(self)
                        if before == "starting" and self.state == "running":
                            self._on_ready()
                    self._keep_logs_small()
                    self._sleep(wake, changed=changed)
            finally:
                self._stop_all(wake)

    def _tend_all(self) -> bool:
        changed = False
        for process in self.processes:
            now = time.monotonic()
            if process.state == "waiting":
                if all(self._by_name[name].was_healthy for name in process.spec.after):
                    process.launch(now=now)
                    changed = True
                continue
            before, restarts = process.state, process.restarts
            try:
                moved = process.tend(now=now)
            except Exception as error:
                if not process.was_healthy:
                    raise
                # After the first start a process is tried for ever; its trouble must not end the others.
                self._tell(f"{process.spec.name}: {error}")
                continue
            if moved:
                changed = True
                self._tell_change(process, before, restarts)
        return changed

    def _tell_change(self, process: ManagedProcess, before: str, restarts: int) -> None:
        name = process.spec.name
        if process.state == "dead":
            status = process.child.returncode if process.child else None
            self._tell(f"{name} ended ({status}), starting it again")
        elif process.state in ("healthy", "finished") and before == "starting":
            again = f", restart {restarts}" if restarts else ""
            seconds = time.time() - (process.started_at or time.time())
            self._tell(f"{name} {'done' if process.spec.one_shot else 'ready'} ({seconds:.1f} s{again})")

    def _settle_state(self) -> None:
        if all(process.state in ("healthy", "finished") for process in self.processes):
            self.state = "running"
        elif self.state == "running":
            self.state = "degraded"

    def _sleep(self, wake: socket.socket, *, changed: bool) -> None:
        pending = [process for process in self.processes if process.state not in ("healthy", "finished")]
        now = time.monotonic()
        if pending and now - self._told_at > _TELL_SECONDS and self.state == "starting":
            self._told_at = now
            names = ", ".join(process.spec.name for process in pending if process.state != "waiting")
            self._tell(f"waiting for {names}")
        busy = changed or pending
        _wait(wake, _TICK_BUSY_SECONDS if busy else _TICK_IDLE_SECONDS)

    def _keep_logs_small(self) -> None:
        now = time.monotonic()
        if now - self._trimmed_at > _TRIM_LOGS_SECONDS:
            self._trimmed_at = now
            for process in self.processes:
                trim_log(path=process.spec.log_file)

    def _stop_all(self, wake: socket.socket) -> None:
        self.state = "stopping"
        self._on_change(self)
        for depth in sorted(set(self._depths.values()), reverse=True):
            self._stop_some(
                [process for process in self.processes if self._depths[process.spec.name] == depth], wake
            )
        self.state = "stopped"
        self._on_change(self)

    def _stop_some(self, processes: Iterable[ManagedProcess], wake: socket.socket) -> None:
        running = [process for process in processes if not process.is_over()]
        for process in running:
            process.send_stop()
        started, requests = time.monotonic(), self._stop_requests
        while waiting := [process for process in running if not process.is_over()]:
            spent = time.monotonic() - started
            if self._stop_requests > max(1, requests):
                break
            if all(spent > process.spec.grace_seconds for process in waiting):
                names = ", ".join(process.spec.name for process in waiting)
                self._tell(f"{names} did not stop in time and is killed")
                break
            _wait(wake, _TICK_BUSY_SECONDS)
        for process in processes:
            if process.child is not None:
                process.end()


def _depths(table: Sequence[ProcessSpec]) -> dict[str, int]:
    """How many steps each process stands above those that wait for nothing."""
    depths: dict[str, int] = {}
    remaining = {spec.name: spec for spec in table}
    while remaining:
        ready = [spec for spec in remaining.values() if all(name in depths for name in spec.after)]
        if not ready:
            raise TableInvalid(
                f"these processes wait for unknown ones or for each other: {', '.join(remaining)}"
            )
        for spec in ready:
            depths[spec.name] = 1 + max((depths[name] for name in spec.after), default=-1)
            del remaining[spec.name]
    return depths


def _wait(wake: socket.socket, seconds: float) -> None:
    readable, _, _ = select.select([wake], [], [], seconds)
    if readable:
        with suppress(BlockingIOError):
            wake.recv(4096)


@contextmanager
def _signals(request_stop: Callable[[], None]) -> Iterator[socket.socket]:
    """TERM and INT ask to stop; those and the end of a child wake the loop. Restores what was set before."""
    reader, writer = socket.socketpair()
    reader.setblocking(False)
    writer.setblocking(False)
    old_fd = signal.set_wakeup_fd(writer.fileno(), warn_on_full_buffer=False)
    handlers = {
        signal.SIGTERM: lambda *_: request_stop(),
        signal.SIGINT: lambda *_: request_stop(),
        signal.SIGCHLD: lambda *_: None,
    }
    old = {number: signal.signal(number, handler) for number, handler in handlers.items()}
    try:
        yield reader
    finally:
        signal.set_wakeup_fd(old_fd)
        for number, handler in old.items():
            signal.signal(number, handler)
        reader.close()
        writer.close()
