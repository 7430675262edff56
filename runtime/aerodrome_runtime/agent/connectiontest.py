"""One claimed connection test: a jailed child of the tenant's runtime, whose network is guarded, and what it told.

The connection goes from the control plane's order into the child's own socket: no file, environment of another process
or log has it. What the child tells is masked with the connection's own secrets before it leaves here.
"""

from __future__ import annotations

import asyncio
import json
import os
import signal
import socket
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any
from urllib.parse import quote

import msgspec

from aerodrome_runtime.agent.confine import Confinement
from aerodrome_runtime.agent.guard import Guard, Network, is_possible, nameservers
from aerodrome_runtime.agent.masking import Mask
from aerodrome_runtime.agent.runtimes import RuntimeMissing, find_runtime
from aerodrome_runtime.agent.zygotelink import ForkRefused, ZygoteLost
from aerodrome_runtime.agent.zygotes import BaseZygotes
from aerodrome_runtime.zygote.orders import Exited, Fork, Place
from taskwire.workload import ConnectionTestWork, Limits, Workload

MOST_ANSWER = 64 * 1024
PROCESSES = 64
MEMORY_BYTES = 512 * 1024 * 1024
PRINTED_KEPT = 2000


class ConnectionTests:
    """One per agent. `allowed`: networks that tests may reach besides public addresses."""

    def __init__(
        self, *, zygotes: BaseZygotes, confinement: Confinement, runtimes: Path, allowed: Sequence[Network]
    ) -> None:
        self._zygotes = zygotes
        self._confinement = confinement
        self._runtimes = runtimes
        self._allowed = tuple(allowed)

    async def run(self, *, work: Workload, order: ConnectionTestWork) -> dict[str, Any]:
        """{"status", "message"}: what Airflow's hook says, or why it could not be asked. Never raises for what
        tenants' code does."""
        mask = mask_of(order.connection)
        if not self._confinement.guards or not is_possible():
            return _said(
                False,
                "This agent cannot guard the test's network (it needs root and seccomp notifications), so it "
                "tests no connections.",
            )
        try:
            found = await self._child(work, order)
        except (RuntimeMissing, ZygoteLost, ForkRefused, OSError) as error:
            found = _said(False, f"The test could not be started: {error}")
        return {"status": found["status"], "message": mask.text(found["message"])}

    async def _child(self, work: Workload, order: ConnectionTestWork) -> dict[str, Any]:
        runtime = find_runtime(directory=self._runtimes, digest=work.runtime_digest)
        link = await self._zygotes.link(runtime)
        confined = self._confinement.prepare(
            runtime=runtime,
            bundle=None,
            limits=Limits(memory_bytes=MEMORY_BYTES, processes=PROCESSES),
            network="guarded",
        )
        ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_STREAM)
        read, output = os.pipe2(os.O_CLOEXEC)
        printed = _Printed(read)
        exited: asyncio.Future[Exited] = asyncio.get_running_loop().create_future()
        orderly = False

        def gone(word: Exited) -> None:
            if not exited.done():
                exited.set_result(word)

        try:
            fork = Fork(
                id=0,
                role="connection",
                place=Place(bundle_path=str(confined.home), runtime_path=str(runtime.path)),
                jail=confined.jail,
                title=f"aerodrome-connection {work.tenant}",
                environment=confined.environment,
            )
            number, pid = link.fork(fork, fds=[theirs.fileno(), output, output], on_exit=gone)
            theirs.close()
            os.close(output)
            output = -1
            await pid
            try:
                async with asyncio.timeout(order.seconds):
                    return await self._talk(ours, order.connection)
            except TimeoutError:
                return _said(False, f"The test did not end in {order.seconds:g} s and was stopped.")
            except EOFError:
                return _said(False, f"The test's process ended without an answer.{printed.text()}")
            finally:
                link.signal(number, signal.SIGKILL, group=True)
                word = await exited
                orderly = word.exit_code is not None or word.signal is not None
        finally:
            ours.close()
            theirs.close()
            printed.close()
            if output >= 0:
                os.close(output)
            self._confinement.clear(confined, orderly=orderly)

    async def _talk(self, control: socket.socket, connection: dict[str, Any]) -> dict[str, Any]:
        """Take the child's descriptors, give it the connection, hear what it says. Raises EOFError."""
        loop = asyncio.get_running_loop()
        control.setblocking(False)
        notify, listening, resolver = await _descriptors(loop, control)
        guard = Guard(
            notify=notify,
            listening=listening,
            resolver=resolver,
            allowed=self._allowed,
            servers=nameservers(),
        )
        try:
            given = msgspec.msgpack.encode(connection)
            await loop.sock_sendall(control, len(given).to_bytes(4, "big") + given)
            told = await _hear(loop, control)
        finally:
            await guard.close()
        if not told["status"] and guard.refused:
            reasons = "; ".join(guard.refused)
            told["message"] = (
                f"{told['message']} (Tests reach public addresses only, unless the operator lists a network in "
                f"AERODROME_CONNECTION_TEST_NETWORKS: {reasons}.)"
            )
        return told


async def _descriptors(loop: asyncio.AbstractEventLoop, control: socket.socket) -> list[int]:
    ready = loop.create_future()
    loop.add_reader(control.fileno(), lambda: ready.done() or ready.set_result(None))
    try:
        await ready
    finally:
        loop.remove_reader(control.fileno())
    try:
        data, fds, _, _ = socket.recv_fds(control, 1, 3)
    except OSError as error:
        raise EOFError from error
    if data != b"g" or len(fds) != 3:
        for fd in fds:
            os.close(fd)
        raise EOFError
    return fds


async def _hear(loop: asyncio.AbstractEventLoop, control: socket.socket) -> dict[str, Any]:
    """The tenant's code may have written it: only its shape is believed."""
    received = bytearray()
    wanted = 4
    while len(received) < wanted:
        try:
            data = await loop.sock_recv(control, 65536)
        except OSError as error:
            raise EOFError from error
        if not data:
            raise EOFError
        received += data
        if wanted == 4 and len(received) >= 4:
            wanted = 4 + int.from_bytes(received[:4], "big")
            if wanted > MOST_ANSWER:
                raise EOFError
    try:
        told = msgspec.msgpack.decode(bytes(received[4:wanted]), type=dict[str, Any])
    except msgspec.DecodeError as error:
        raise EOFError from error
    return _said(told.get("status") is True, str(told.get("message", "")))


def mask_of(connection: dict[str, Any]) -> Mask:
    """Hides the password, also as an address has it, and what of the extra sounds secret."""
    mask = Mask()
    if password := connection.get("password"):
        mask.add([password, quote(password), quote(password, safe="")])
    with suppress(ValueError):
        mask.add(json.loads(connection.get("extra") or "{}"), name="extra")
    return mask


def _said(status: bool, message: str) -> dict[str, Any]:
    return {"status": status, "message": message}


class _Printed:
    """What the child prints: read on, so that it never waits for us; the end of it is kept."""

    def __init__(self, fd: int) -> None:
        self._fd, self._kept = fd, b""
        os.set_blocking(fd, False)
        asyncio.get_running_loop().add_reader(fd, self._read)

    def _read(self) -> None:
        try:
            data = os.read(self._fd, 65536)
        except BlockingIOError:
            return
        if not data:
            asyncio.get_running_loop().remove_reader(self._fd)
        self._kept = (self._kept + data)[-PRINTED_KEPT:]

    def text(self) -> str:
        self._read()
        text = self._kept.decode(errors="replace").strip()
        return f" {text}" if text else ""

    def close(self) -> None:
        asyncio.get_running_loop().remove_reader(self._fd)
        os.close(self._fd)
