"""Blocks of uids, one block per DAG zygote: the zygote has the first, each of its attempts one of the others.

A block is a flock on a file, as a single uid's lease is (`jail.uids`): exclusive between agents that share the
folder, dropped by the kernel when the holder dies, and handed out only when no process has a uid of it.
"""

from __future__ import annotations

import fcntl
import os
from collections import deque
from pathlib import Path

from aerodrome_runtime.jail.uids import uids_with_processes

FIRST = 1_000_000
SIZE = 64
BLOCKS = 1024


class NoBlockLeft(RuntimeError):
    """Every block of uids is held, or still has processes."""


class UidBlock:
    """Uids of one DAG zygote. `take` never gives a uid that a process has."""

    def __init__(self, *, first: int, fd: int) -> None:
        self.first = first
        self._fd = fd
        self._free = deque(range(first + 1, first + SIZE))
        self._rested: list[int] = []

    def take(self) -> int:
        """Raises NoBlockLeft when all are in use."""
        if not self._free:
            busy = uids_with_processes()
            self._free.extend(uid for uid in self._rested if uid not in busy)
            self._rested = [uid for uid in self._rested if uid in busy]
        if not self._free:
            raise NoBlockLeft(f"all uids from {self.first} are in use")
        return self._free.popleft()

    def give_back(self, uid: int) -> None:
        """After its attempt; whether a process is left is looked at before the uid is used again."""
        self._rested.append(uid)

    def release(self) -> None:
        os.close(self._fd)


class UidBlocks:
    """Leases of blocks. One event loop, no threads."""

    def __init__(self, *, state_dir: Path) -> None:
        state_dir.mkdir(parents=True, exist_ok=True, mode=0o700)
        self._state_dir = state_dir
        self._held: set[int] = set()
        self._next = 0

    def lease(self) -> UidBlock:
        busy = {(uid - FIRST) // SIZE for uid in uids_with_processes() if uid >= FIRST}
        for step in range(BLOCKS):
            number = (self._next + step) % BLOCKS
            if number in busy or number in self._held:
                continue
            fd = os.open(self._state_dir / f"b{number}", os.O_CREAT | os.O_RDWR | os.O_CLOEXEC, 0o600)
            try:
                fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                os.close(fd)
                continue
            self._next = number + 1
            self._held.add(number)
            return UidBlock(first=FIRST + number * SIZE, fd=fd)
        raise NoBlockLeft(f"all {BLOCKS} blocks of uids are in use; end some DAG zygotes")

    def release(self, block: UidBlock) -> None:
        self._held.discard((block.first - FIRST) // SIZE)
        block.release()
