"""The agent's half of a guarded network: looks at each address that a child wants to connect to, and connects itself.

A child in a network namespace without a way out (`zygote.guard`) stops in `connect` until it is answered here. TCP to
an address that may be reached is connected from this process, and the child's socket to the listening one in the
child's own namespace; bytes are copied between them. Everything that is not TCP over IP goes on in the child's empty
namespace. Names are looked up by the servers that this machine asks, over a UDP socket in the child's namespace.
What the child's code does cannot lead around this: the kernel leaves it no other way.
"""

from __future__ import annotations

import asyncio
import ctypes
import errno
import fcntl
import ipaddress
import os
import platform
import socket
import struct
from collections.abc import Callable, Sequence
from contextlib import suppress
from pathlib import Path

from aerodrome_runtime.agent.mail import is_public

Network = ipaddress.IPv4Network | ipaddress.IPv6Network

MOST_RELAYS = 32
MOST_BYTES = 64 * 1024 * 1024
"""Copied for one test, in both directions together."""
MOST_QUESTIONS = 256
CONNECT_SECONDS = 10.0
ANSWER_SECONDS = 3.0
_RECEIVE, _SEND, _IS_VALID = 0xC0502100, 0xC0182101, 0x40082102
_CONTINUE = 1
_PIDFD_GETFD = 438
_MOST_ADDRESS = 128
_libc = ctypes.CDLL(None, use_errno=True)


def nameservers(resolv_conf: Path = Path("/etc/resolv.conf")) -> list[tuple[str, int]]:
    """Whom this machine asks for names."""
    try:
        lines = resolv_conf.read_text().splitlines()
    except OSError:
        return []
    words = [line.split() for line in lines]
    return [(word[1], 53) for word in words if len(word) > 1 and word[0] == "nameserver"][:3]


def why_not(address: str, *, allowed: Sequence[Network]) -> str | None:
    """Why a test may not connect to this address; None when it may."""
    bare = ipaddress.ip_address(address.partition("%")[0])
    inner = getattr(bare, "ipv4_mapped", None) or bare
    if any(inner in network for network in allowed if network.version == inner.version):
        return None
    if not is_public(address):
        return f"{address} is no public address"
    if _is_of_this_machine(address):
        return f"{address} is an address of the machine that runs the test"
    return None


def _is_of_this_machine(address: str) -> bool:
    family = socket.AF_INET6 if ":" in address else socket.AF_INET
    with socket.socket(family, socket.SOCK_DGRAM) as probe:
        try:
            probe.connect((address, 9))
        except OSError:
            return False
        return ipaddress.ip_address(probe.getsockname()[0]) == ipaddress.ip_address(address)


class Guard:
    """For one child: takes over its three descriptors. `refused` says, in order, what was not allowed."""

    def __init__(
        self,
        *,
        notify: int,
        listening: int,
        resolver: int,
        allowed: Sequence[Network],
        servers: Sequence[tuple[str, int]],
    ) -> None:
        self.refused: list[str] = []
        self._loop = asyncio.get_running_loop()
        self._notify = notify
        self._listening = socket.socket(fileno=listening)
        self._resolver = socket.socket(fileno=resolver)
        self._allowed, self._servers = allowed, list(servers)
        self._place = self._listening.getsockname()
        self._coming: dict[int, asyncio.Future[socket.socket]] = {}
        self._tasks: set[asyncio.Task[None]] = set()
        self._relays = self._questions = self._bytes = 0
        for each in (self._listening, self._resolver):
            each.setblocking(False)
        self._readers: dict[int, Callable[[], None]] = {
            notify: self._asked,
            self._listening.fileno(): self._accept,
            self._resolver.fileno(): self._question,
        }
        for fd, reader in self._readers.items():
            self._loop.add_reader(fd, reader)

    async def close(self) -> None:
        """After the child is gone, or to cut it off: what it asks from now on is refused by the kernel."""
        for fd in self._readers:
            self._loop.remove_reader(fd)
        os.close(self._notify)
        self._listening.close()
        self._resolver.close()
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    def _asked(self) -> None:
        asked = bytearray(80)
        try:
            fcntl.ioctl(self._notify, _RECEIVE, asked)
        except OSError as error:
            if error.errno not in (errno.ENOENT, errno.EINTR):
                self._loop.remove_reader(self._notify)
            return
        number, tid = struct.unpack_from("=QI", asked)
        fd, pointer, length = struct.unpack_from("=QQQ", asked, 32)
        try:
            address = _read(tid, pointer, min(length, _MOST_ADDRESS))
            fcntl.ioctl(self._notify, _IS_VALID, struct.pack("=Q", number))
            target = _target(address)
            theirs = None if target is None else _socket_of(tid, fd)
        except OSError as error:
            self._answer(number, error.errno or errno.EACCES)
            return
        if target is None or theirs is None or theirs.type != socket.SOCK_STREAM:
            if theirs is not None:
                theirs.close()
            self._answer(number, None)
            return
        reason = why_not(target[0], allowed=self._allowed)
        if reason is None and self._relays >= MOST_RELAYS:
            reason = f"a test makes at most {MOST_RELAYS} connections"
        if reason is not None:
            theirs.close()
            if reason not in self.refused and len(self.refused) < 8:
                self.refused.append(reason)
            self._answer(number, errno.EACCES)
            return
        self._relays += 1
        self._start(self._relay(number, theirs, target))

    async def _relay(self, number: int, theirs: socket.socket, target: tuple[str, int]) -> None:
        family = socket.AF_INET6 if ":" in target[0] else socket.AF_INET
        with theirs, socket.socket(family, socket.SOCK_STREAM) as out:
            out.setblocking(False)
            try:
                async with asyncio.timeout(CONNECT_SECONDS):
                    await self._loop.sock_connect(out, target)
                    inside = await self._lead_here(theirs)
            except TimeoutError:
                self._answer(number, errno.ETIMEDOUT)
                return
            except OSError as error:
                self._answer(number, error.errno or errno.ECONNREFUSED)
                return
            self._answer(number, 0)
            theirs.close()
            with inside:
                inside.setblocking(False)
                await asyncio.gather(self._copy(inside, out), self._copy(out, inside))

    async def _lead_here(self, theirs: socket.socket) -> socket.socket:
        """Connect the child's own socket to the listening one, and find it among those that come."""
        host = self._place[0] if theirs.family == socket.AF_INET else f"::ffff:{self._place[0]}"
        flags = fcntl.fcntl(theirs, fcntl.F_GETFL)
        fcntl.fcntl(theirs, fcntl.F_SETFL, flags | os.O_NONBLOCK)
        try:
            code = theirs.connect_ex((host, self._place[1]))
            if code not in (0, errno.EINPROGRESS):
                raise OSError(code, os.strerror(code))
            future = self._coming.setdefault(theirs.getsockname()[1], self._loop.create_future())
            try:
                return await future
            finally:
                self._coming.pop(theirs.getsockname()[1], None)
        finally:
            fcntl.fcntl(theirs, fcntl.F_SETFL, flags)

    def _accept(self) -> None:
        with suppress(OSError):
            came, peer = self._listening.accept()
            waiting = self._coming.get(peer[1])
            if waiting is None or waiting.done():
                # Nobody was let through to here: the child's own code knocked.
                came.close()
            else:
                waiting.set_result(came)

    async def _copy(self, source: socket.socket, target: socket.socket) -> None:
        with suppress(OSError):
            while self._bytes < MOST_BYTES:
                data = await self._loop.sock_recv(source, 65536)
                if not data:
                    break
                self._bytes += len(data)
                await self._loop.sock_sendall(target, data)
        with suppress(OSError):
            target.shutdown(socket.SHUT_WR)

    def _question(self) -> None:
        with suppress(OSError):
            data, source = self._resolver.recvfrom(4096)
            self._questions += 1
            if self._servers and self._questions <= MOST_QUESTIONS:
                self._start(self._look_up(data, source))

    async def _look_up(self, question: bytes, source: tuple[str, int]) -> None:
        for server in self._servers:
            family = socket.AF_INET6 if ":" in server[0] else socket.AF_INET
            with suppress(OSError, TimeoutError), socket.socket(family, socket.SOCK_DGRAM) as out:
                out.setblocking(False)
                out.connect(server)
                async with asyncio.timeout(ANSWER_SECONDS):
                    await self._loop.sock_sendall(out, question)
                    answer = await self._loop.sock_recv(out, 65536)
                self._resolver.sendto(answer, source)
                return

    def _start(self, work: object) -> None:
        task: asyncio.Task[None] = self._loop.create_task(work)  # type: ignore[arg-type]
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    def _answer(self, number: int, code: int | None) -> None:
        """`code`: an errno, 0 for success, None to let the call go on in the child's own namespace."""
        flags = _CONTINUE if code is None else 0
        with suppress(OSError):  # the child was killed meanwhile
            fcntl.ioctl(self._notify, _SEND, struct.pack("=QqiI", number, 0, -(code or 0), flags))


def _read(tid: int, pointer: int, length: int) -> bytes:
    with Path(f"/proc/{tid}/mem").open("rb", buffering=0) as memory:
        return os.pread(memory.fileno(), length, pointer)


def _target(address: bytes) -> tuple[str, int] | None:
    """Where to, if it is an address of IP."""
    if len(address) < 2:
        return None
    family = struct.unpack_from("=H", address)[0]
    if family == socket.AF_INET and len(address) >= 8:
        return socket.inet_ntop(socket.AF_INET, address[4:8]), struct.unpack_from("!H", address, 2)[0]
    if family == socket.AF_INET6 and len(address) >= 24:
        found = ipaddress.IPv6Address(address[8:24])
        return str(found.ipv4_mapped or found), struct.unpack_from("!H", address, 2)[0]
    return None


def _socket_of(tid: int, fd: int) -> socket.socket:
    """The child's own socket, as a second descriptor of it."""
    process = os.pidfd_open(_leader_of(tid))
    try:
        got = _libc.syscall(_PIDFD_GETFD, process, ctypes.c_int(fd & 0x7FFFFFFF), 0)
        if got < 0:
            code = ctypes.get_errno()
            raise OSError(code, os.strerror(code))
        return socket.socket(fileno=got)
    finally:
        os.close(process)


def _leader_of(tid: int) -> int:
    for line in Path(f"/proc/{tid}/status").read_text().splitlines():
        if line.startswith("Tgid:"):
            return int(line.split()[1])
    raise ProcessLookupError(errno.ESRCH, "no such process")


def is_possible() -> bool:
    """Whether this machine's kernel and architecture are ones that the guard is written for."""
    actions = Path("/proc/sys/kernel/seccomp/actions_avail")
    try:
        return platform.machine() in ("x86_64", "aarch64") and "user_notif" in actions.read_text().split()
    except OSError:
        return False
