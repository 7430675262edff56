"""Attacks that a jail must stop, as functions to be run inside one.

Each takes ``Targets`` (what a neighbour on this machine would have lying about) and returns what it reached,
or raises what stopped it. Run by ``level`` in jailed children, and by the tests both jailed and not: a probe
that is stopped without a jail too proves nothing.
"""

from __future__ import annotations

import os
import posix
import socket
import sys
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass

from aerodrome_runtime.jail import syscalls as sys_

_IO_URING_SETUP = 425
_CHUNK_BYTES = 8 * 1024**2


class Stopped(Exception):
    """The jail held, in a way that is not an OSError. The message says how."""


@dataclass(frozen=True)
class Targets:
    """What lies about: all of it reachable for an unjailed process of the same or another uid."""

    parent_pid: int
    tcp_port: int
    abstract_name: str
    socket_path: str
    neighbour_file: str
    open_folder: str
    descriptor: int
    environment: frozenset[str]
    process_limit: int
    memory_bytes: int


def read_parent_environment(targets: Targets) -> str:
    """The environment of the process that started us, as the kernel shows it."""
    with open(f"/proc/{targets.parent_pid}/environ", "rb") as environ:
        return f"{len(environ.read())} bytes"


def read_parent_memory(targets: Targets) -> str:
    """The memory of the process that started us."""
    with open(f"/proc/{targets.parent_pid}/mem", "rb"):
        return "opened"


def signal_parent(targets: Targets) -> str:
    """A signal to the process that started us."""
    os.kill(targets.parent_pid, 0)
    return "allowed"


def see_other_processes(_: Targets) -> str:
    """Processes that are not of this attempt (pid 1 is the jail's own)."""
    strangers = [name for name in os.listdir("/proc") if name.isdigit()]
    if set(strangers) <= {"1", str(os.getpid())}:
        raise Stopped("only our own are listed")
    return f"{len(strangers)} processes"


def connect_tcp(targets: Targets) -> str:
    """A service that listens on the machine's loopback, like Redis."""
    with socket.socket(socket.AF_INET) as client:
        client.settimeout(2)
        client.connect(("127.0.0.1", targets.tcp_port))
        return "connected"


def connect_abstract(targets: Targets) -> str:
    """A Unix socket with an abstract name."""
    with socket.socket(socket.AF_UNIX) as client:
        client.connect("\0" + targets.abstract_name)
        return "connected"


def connect_path(targets: Targets) -> str:
    """A Unix socket in a folder everybody may enter, like Postgres's."""
    with socket.socket(socket.AF_UNIX) as client:
        client.connect(targets.socket_path)
        return "connected"


def read_neighbour(targets: Targets) -> str:
    """A readable file in another attempt's folder."""
    with open(targets.neighbour_file) as file:
        return f"{len(file.read())} bytes"


def write_outside(targets: Targets) -> str:
    """A new file in a folder of the host's where everybody may write."""
    with open(os.path.join(targets.open_folder, f"left-by-{os.getpid()}"), "x"):
        return "written"


def use_inherited_descriptor(targets: Targets) -> str:
    """A descriptor the parent had open for itself."""
    os.fstat(targets.descriptor)
    return "open"


def read_own_environment(targets: Targets) -> str:
    """Names of variables that are there without having been given to this attempt."""
    names = set(os.environ) | {os.fsdecode(name) for name in posix.environ}
    with suppress(PermissionError), open("/proc/self/environ", "rb") as environ:
        pairs = environ.read().split(b"\0")
        names |= {os.fsdecode(pair.partition(b"=")[0]) for pair in pairs if pair}
    if names <= targets.environment:
        raise Stopped("only what was given")
    return ", ".join(sorted(names - targets.environment))


def make_user_namespace(_: Targets) -> str:
    """A user namespace, in which a kernel bug is easier to reach."""
    sys_.unshare(sys_.CLONE_NEWUSER)
    return "made"


def make_io_uring(_: Targets) -> str:
    """An io_uring, whose operations no filter sees."""
    import ctypes

    sys_.checked_syscall(_IO_URING_SETUP, 1, ctypes.create_string_buffer(256))
    return "made"


def fork_bomb(targets: Targets) -> str:
    """More processes at once than the limit allows."""
    children: list[int] = []
    try:
        for _ in range(targets.process_limit + 8):
            child = os.fork()
            if child == 0:
                time.sleep(60)
                os._exit(0)
            children.append(child)
    except BlockingIOError as error:
        raise Stopped(f"after {len(children)} forks") from error
    finally:
        for child in children:
            os.kill(child, 9)
        for child in children:
            os.waitpid(child, 0)
    return f"{len(children)} forks"


def memory_bomb(targets: Targets) -> str:
    """Twice the memory the limit allows, touched."""
    held = []
    try:
        for _ in range(2 * targets.memory_bytes // _CHUNK_BYTES):
            held.append(b"x" * _CHUNK_BYTES)
    except MemoryError as error:
        raise Stopped(f"after {len(held) * _CHUNK_BYTES // 1024**2} MiB") from error
    return f"{len(held) * _CHUNK_BYTES // 1024**2} MiB"


Attack = Callable[[Targets], str]
ATTACKS: tuple[Attack, ...] = (
    read_parent_environment, read_parent_memory, signal_parent, see_other_processes, connect_tcp,
    connect_abstract, connect_path, read_neighbour, write_outside, use_inherited_descriptor,
    read_own_environment, make_user_namespace, make_io_uring, fork_bomb, memory_bomb,
)  # fmt: skip


def attempt(attack: Attack, targets: Targets) -> tuple[bool, str]:
    """Run one attack here and now: (whether it was stopped, what it reached or what stopped it)."""
    try:
        return False, attack(targets)
    except Stopped as stopped:
        return True, str(stopped)
    except OSError as error:
        return True, error.strerror or type(error).__name__
    except MemoryError:
        return True, "out of memory"
    finally:
        sys.stdout.flush()
