"""The keeper: pid 1 of an attempt's pid namespace, whose end is the end of everything in it.

A shell that blocks on a pipe and reaps orphans. It is started with posix_spawn, which copies no memory of the
big parent, and knows nothing: empty environment, no descriptor but its end of the pipe. It stands outside
the attempt's mounts, is invisible in the attempt's /proc, and cannot be signalled from inside.
"""

from __future__ import annotations

import os
import signal
from contextlib import suppress
from dataclasses import dataclass

# `wait` reaps orphans for as long as the one background command holds on to the pipe
_COMMAND = ("/bin/sh", "-c", "read _ <&3 3<&- & exec 3<&-; wait")


@dataclass(frozen=True)
class Keeper:
    """A running keeper, child of this process. ``lifeline`` is the pipe's other end; nothing is written."""

    pid: int
    lifeline: int

    def end(self) -> None:
        """End the keeper and all of its namespace; return when it is empty: the kernel lets pid 1 go last."""
        os.close(self.lifeline)
        with suppress(ChildProcessError):  # reaped by the caller's own waitpid(-1)
            os.waitpid(self.pid, 0)


def spawn(read_end: int) -> int:
    """Start a keeper that lives until every writer of ``read_end``'s pipe is closed; return its pid.

    It becomes pid 1 when the caller has just unshared its pid namespace.
    """
    actions = [
        (os.POSIX_SPAWN_DUP2, read_end, 3),
        *((os.POSIX_SPAWN_OPEN, fd, "/dev/null", os.O_RDWR, 0) for fd in (0, 1, 2)),
        *((os.POSIX_SPAWN_CLOSE, fd) for fd in _inheritable_above(3)),
    ]
    return os.posix_spawn(
        _COMMAND[0], ("aerodrome-keeper", *_COMMAND[1:]), {}, file_actions=actions, setpgroup=0,
        setsigmask=(), setsigdef=(signal.SIGPIPE, signal.SIGXFSZ),
    )  # fmt: skip


def start() -> Keeper:
    """A keeper with a pipe of its own."""
    read_end, write_end = os.pipe()
    try:
        pid = spawn(read_end)
    except BaseException:
        os.close(write_end)
        raise
    finally:
        os.close(read_end)
    return Keeper(pid, write_end)


def _inheritable_above(lowest: int) -> list[int]:
    found = []
    for name in os.listdir("/proc/self/fd"):
        fd = int(name)
        try:
            if fd > lowest and os.get_inheritable(fd):
                found.append(fd)
        except OSError:  # the listing's own descriptor
            continue
    return found
