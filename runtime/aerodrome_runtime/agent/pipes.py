"""Lines out of a pipe, with a bound on what one line may hold and a way to stop reading for a while."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Callable

LONGEST_LINE = 256 * 1024
"""Longer lines are cut in pieces, so that a task without newlines needs constant memory too."""


class LinePipe:
    """`on_line(bytes)` for each line without its newline; `on_closed()` once, when every writer is gone."""

    def __init__(
        self,
        *,
        loop: asyncio.AbstractEventLoop,
        fd: int,
        on_line: Callable[[bytes], None],
        on_closed: Callable[[], None],
    ) -> None:
        self._loop = loop
        self._fd = fd
        self._on_line = on_line
        self._on_closed = on_closed
        self._partial = b""
        self._closed = False
        self._paused = False
        os.set_blocking(fd, False)
        loop.add_reader(fd, self._readable)

    def redirect(self, *, on_line: Callable[[bytes], None]) -> None:
        self._on_line = on_line

    def pause(self) -> None:
        """Stop reading: the writer blocks when the pipe is full (64 KiB)."""
        if not self._closed and not self._paused:
            self._paused = True
            self._loop.remove_reader(self._fd)

    def resume(self) -> None:
        if not self._closed and self._paused:
            self._paused = False
            self._loop.add_reader(self._fd, self._readable)

    @property
    def closed(self) -> bool:
        return self._closed

    def drain(self) -> None:
        """Read what is there and close: the writer has been reaped."""
        while not self._closed and self._read_once():
            pass
        self.close()

    def close(self) -> None:
        if self._closed:
            return
        if self._partial:
            line, self._partial = self._partial, b""
            self._on_line(line)
        self._closed = True
        if not self._paused:
            self._loop.remove_reader(self._fd)
        os.close(self._fd)
        self._on_closed()

    def _readable(self) -> None:
        self._read_once()

    def _read_once(self) -> bool:
        try:
            data = os.read(self._fd, 65536)
        except BlockingIOError:
            return False
        except OSError:
            data = b""
        if not data:
            self.close()
            return False
        lines = (self._partial + data).split(b"\n")
        self._partial = lines.pop()
        for line in lines:
            self._on_line(line)
        if len(self._partial) > LONGEST_LINE:
            line, self._partial = self._partial, b""
            self._on_line(line)
        return not self._closed
