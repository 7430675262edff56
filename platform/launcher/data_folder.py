"""The data folder: its layout, who may enter what, and the lock that lets one stack at a time use it.

As root the folder itself can be passed through (the servers and the tasks run under accounts of their own);
inside, each part is closed to all but its owner. Only ``agent/`` can be passed through, and ``software/``,
which holds copies of public programs, can be read.
"""

from __future__ import annotations

import fcntl
import json
import os
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

_PRIVATE = ("run", "logs", "secrets", "store", "git")


class FolderInUse(Exception):
    """Another stack runs on this data folder."""


@dataclass(frozen=True)
class Holder:
    """Who holds the data folder: the supervisor's pid, since when (seconds since the epoch), from where."""

    pid: int
    since: float
    checkout: str


def lay_out(*, data: Path, extra: tuple[Path, ...] = ()) -> None:
    """Makes the data folder and its parts with the right modes; ``extra`` are private folders elsewhere."""
    root = os.geteuid() == 0
    for parent in reversed([parent for parent in data.parents if not parent.exists()]):
        parent.mkdir()
        parent.chmod(0o755)
    _make(data, 0o711 if root else 0o700)
    for name in _PRIVATE:
        _make(data / name, 0o700)
    _make(data / "agent", 0o711 if root else 0o700)
    _make(data / "software", 0o755)
    for folder in extra:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)


@contextmanager
def held(*, data: Path, checkout: Path) -> Iterator[None]:
    """Holds the data folder for the block. Raises ``FolderInUse`` naming who has it.

    The lock is the kernel's (flock): it goes with the process, however that ends.
    """
    path = data / "run" / "holder"
    with path.open("a+") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            holder = _read(path)
            who = f"process {holder.pid}, started from {holder.checkout}" if holder else "another process"
            raise FolderInUse(
                f"a stack already runs on {data} ({who}). `./aerodrome status` shows it, "
                "`./aerodrome down` stops it; for a second one set AERODROME_DATA to another folder"
            ) from None
        file.truncate(0)
        file.write(json.dumps({"pid": os.getpid(), "since": time.time(), "checkout": str(checkout)}))
        file.flush()
        path.chmod(0o600)
        yield


def find_holder(*, data: Path) -> Holder | None:
    """Who holds the data folder now, or None when nobody does."""
    path = data / "run" / "holder"
    try:
        with path.open("r+") as file:
            try:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                return _read(path)
    except FileNotFoundError:
        pass
    return None


def _make(folder: Path, mode: int) -> None:
    folder.mkdir(exist_ok=True)
    folder.chmod(mode)


def _read(path: Path) -> Holder | None:
    try:
        return Holder(**json.loads(path.read_text()))
    except (ValueError, TypeError, OSError):
        return None  # between the lock and the line; the caller says "another process"
