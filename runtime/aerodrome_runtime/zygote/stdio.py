"""Descriptors of a child: 0 requests, 1 stdout, 2 stderr, 3 logs. Nothing else is open.

The base zygote points 0-3 at /dev/null before it configures logging, so that every cached logger already
writes to descriptor 3; a child only has to put its own pipes there.
"""

from __future__ import annotations

import io
import os
import sys

LOG_FD = 3
RESULT_FD = 4


def reserve() -> None:
    """Make 0, 1 and 3 /dev/null in a zygote (2 stays: the zygote's own complaints)."""
    null = os.open(os.devnull, os.O_RDWR)
    for fd in (0, 1, LOG_FD):
        if fd != null:
            os.dup2(null, fd)
    if null not in (0, 1, LOG_FD):
        os.close(null)


def attach(
    *, requests: int | None, logs: int | None, stdout: int, stderr: int, result: int | None = None
) -> None:
    """Put a child's descriptors in their places, close every other one, and rebuild sys.std*.

    The handles are text over a line-buffered binary file, as Airflow's supervisor gives them to a task. What
    is None leads to /dev/null; `result` only exists in a child that was given one.
    """
    sources = [requests, stdout, stderr, logs] + ([] if result is None else [result])
    null = os.open(os.devnull, os.O_RDWR)
    for place, source in enumerate([_lift(null if fd is None else fd) for fd in sources]):
        os.dup2(source, place)
    os.closerange(len(sources), 4096)
    for name, fd, mode in (("stdin", 0, "w"), ("stdout", 1, "w"), ("stderr", 2, "w")):
        if name == "stdin" and requests is None:
            continue
        # closefd=False: the zygote's own handle on the same number may be collected at any time.
        binary = io.BufferedWriter(io.FileIO(fd, mode, closefd=False))
        setattr(
            sys,
            name,
            io.TextIOWrapper(binary, encoding="utf-8", errors="backslashreplace", line_buffering=True),
        )
    sys.__stdout__, sys.__stderr__ = sys.stdout, sys.stderr  # type: ignore[misc, assignment]


def _lift(fd: int) -> int:
    """A copy above the four places, so that no dup2 overwrites a source."""
    import fcntl

    return fcntl.fcntl(fd, fcntl.F_DUPFD, 64)
