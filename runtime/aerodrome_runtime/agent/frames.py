"""The SDK's length-prefixed msgpack frames on a non-blocking socket, driven by the event loop.

A request is `[id, body, context_carrier?]`, a response `[id, body?, error?]` (`comms.py` in the SDK). Bodies stay
plain dicts: no Airflow class is needed to answer them.
"""

from __future__ import annotations

import asyncio
import socket
import struct
from collections.abc import Callable
from typing import Any

import msgspec

MOST_BYTES = 256 * 1024 * 1024
"""A longer frame ends the child: it is a task gone wild, or not the SDK."""


class FrameChannel:
    """Reads requests, writes responses. `on_request(id, body)`; `on_closed()` once, at the end; `on_refused(why)`
    before it when a request is too long."""

    def __init__(
        self,
        *,
        loop: asyncio.AbstractEventLoop,
        sock: socket.socket,
        on_request: Callable[[int, dict[str, Any]], None],
        on_closed: Callable[[], None],
        on_refused: Callable[[str], None] = lambda why: None,
    ) -> None:
        self._loop = loop
        self._sock = sock
        self._on_request = on_request
        self._on_closed = on_closed
        self._on_refused = on_refused
        self._received = bytearray()
        self._unsent = bytearray()
        self._closed = False
        self.peer_pid: int | None = None
        """Who wrote first, told by the kernel in our own pid namespace (SCM_CREDENTIALS, unix(7))."""
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_PASSCRED, 1)
        sock.setblocking(False)
        loop.add_reader(sock.fileno(), self._readable)

    def redirect(self, *, on_request: Callable[[int, dict[str, Any]], None]) -> None:
        """Hand the requests to somebody else: the attempt that took the child."""
        self._on_request = on_request

    def respond(self, number: int, body: Any = None, error: Any = None) -> None:
        """Answer request `number`. Nothing happens when the child is gone."""
        frame: list[Any] = [number]
        if error is not None:
            frame += [None, error]
        elif body is not None:
            frame.append(body)
        self.send(msgspec.msgpack.encode(frame))

    def send(self, payload: bytes) -> None:
        if self._closed:
            return
        data = len(payload).to_bytes(4, "big") + payload
        if self._unsent:
            self._unsent += data
            return
        try:
            sent = self._sock.send(data)
        except BlockingIOError:
            sent = 0
        except OSError:
            self.close()
            return
        if sent < len(data):
            self._unsent += data[sent:]
            self._loop.add_writer(self._sock.fileno(), self._writable)

    def send_with_fd(self, payload: bytes, fd: int) -> None:
        """A frame with one descriptor beside it (ResendLoggingFD)."""
        data = len(payload).to_bytes(4, "big") + payload
        socket.send_fds(self._sock, [data], [fd])

    def close(self) -> None:
        if self._closed:
            return
        self._closed = True
        self._loop.remove_reader(self._sock.fileno())
        self._loop.remove_writer(self._sock.fileno())
        self._sock.close()
        self._on_closed()

    def _readable(self) -> None:
        try:
            data = self._sock.recv(262_144) if self.peer_pid is not None else self._receive_first()
        except BlockingIOError:
            return
        except OSError:
            data = b""
        if not data:
            self.close()
            return
        received = self._received
        received += data
        while len(received) >= 4:
            length = int.from_bytes(received[:4], "big")
            if length > MOST_BYTES:
                self._on_refused(
                    f"The task said {length} bytes at once, and at most {MOST_BYTES} are taken. Of an XCom: write the "
                    "data to object storage or a table, and push where it is"
                )
                self.close()
                return
            if len(received) < 4 + length:
                return
            payload = bytes(received[4 : 4 + length])
            del received[: 4 + length]
            try:
                frame = msgspec.msgpack.decode(payload)
                number, body = int(frame[0]), frame[1]
            except (msgspec.DecodeError, IndexError, TypeError, ValueError):
                self.close()
                return
            if not isinstance(body, dict):
                body = {}
            self._on_request(number, body)
            if self._closed:
                return

    def _receive_first(self) -> bytes:
        size = struct.calcsize("3i")
        data, extra, _flags, _address = self._sock.recvmsg(262_144, socket.CMSG_SPACE(size))
        for level, kind, content in extra:
            if level == socket.SOL_SOCKET and kind == socket.SCM_CREDENTIALS and len(content) >= size:
                self.peer_pid = struct.unpack("3i", content[:size])[0]
        return data

    def _writable(self) -> None:
        try:
            sent = self._sock.send(self._unsent)
        except BlockingIOError:
            return
        except OSError:
            self.close()
            return
        del self._unsent[:sent]
        if not self._unsent:
            self._loop.remove_writer(self._sock.fileno())
