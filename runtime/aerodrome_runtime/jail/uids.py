"""Uids lent to attempts: one uid, one attempt, and none again before its last process is gone.

The agent leases a uid before it orders a jailed child and releases it after the child has ended. A lease is
a flock on ``state_dir/<uid>``: it is exclusive between agents that share the folder, and the kernel drops it
when the holder dies. A dead holder's processes may outlive it, so a uid is handed out only after a look at
/proc, and is not given back while a process has it: leftovers of one attempt would use up the process limit
of the next and could read its files.
"""

from __future__ import annotations

import fcntl
import os
import signal
import time
from contextlib import suppress


class NoUidLeft(RuntimeError):
    """Every uid of the range is leased or still has processes."""


class UidStillInUse(RuntimeError):
    """A lease cannot be given back: processes of this uid are alive."""


class UidLeases:
    """Leases of the uids ``first`` … ``first + count - 1``.

    ``state_dir`` is made with mode 0700 and must be shared by every agent of the machine that uses this
    range. Not for several threads at once.
    """

    def __init__(self, *, first: int = 200_000, count: int = 4096, state_dir: str) -> None:
        self._first, self._count, self._state_dir = first, count, state_dir
        self._held: dict[int, int] = {}
        self._next = 0
        os.makedirs(state_dir, mode=0o700, exist_ok=True)

    @property
    def held(self) -> frozenset[int]:
        """The uids this object has leased and not yet released."""
        return frozenset(self._held)

    def lease(self) -> int:
        """A uid that nobody holds and no process has. Raises NoUidLeft.

        Goes round the range, so that a uid rests as long as possible before it is used again.
        """
        busy = uids_with_processes()
        for step in range(self._count):
            uid = self._first + (self._next + step) % self._count
            if uid in self._held or uid in busy:
                continue
            fd = os.open(
                os.path.join(self._state_dir, str(uid)), os.O_CREAT | os.O_RDWR | os.O_CLOEXEC, 0o600
            )
            try:
                fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                os.close(fd)
                continue
            self._held[uid] = fd
            self._next = (uid - self._first + 1) % self._count
            return uid
        raise NoUidLeft(
            f"all {self._count} uids from {self._first} are in use; raise the count or let attempts end"
        )

    def release(self, uid: int) -> None:
        """Give a uid back. Raises UidStillInUse, keeping the lease, while a process of it is alive."""
        if processes_of(uid):
            raise UidStillInUse(f"uid {uid} still has processes: {processes_of(uid)}; call kill_all first")
        os.close(self._held.pop(uid))


def processes_of(uid: int) -> list[int]:
    """Pids of living processes whose real or effective uid is ``uid``, in every pid namespace below ours."""
    return [pid for pid, owners in _living() if uid in owners]


def uids_with_processes() -> set[int]:
    """Every uid that some living process has."""
    return {owner for _, owners in _living() for owner in owners}


def kill_all(uid: int, *, within_seconds: float = 5.0) -> bool:
    """SIGKILL every process of ``uid`` until none is left; whether none is. For root, and never for uid 0.

    Forking faster than they are killed does not save them: each round first stops all it sees.
    """
    if uid <= 0:
        raise ValueError("kill_all is for leased uids, never for root's")
    deadline = time.monotonic() + within_seconds
    while pids := processes_of(uid):
        for number in (signal.SIGSTOP, signal.SIGKILL):
            for pid in pids:
                with suppress(ProcessLookupError):
                    os.kill(pid, number)
        if time.monotonic() > deadline:
            return False
        time.sleep(0.001)
    return True


def _living() -> list[tuple[int, set[int]]]:
    """(pid, its uids) of every process that is not a zombie.

    Read from status, because the owner of /proc/<pid> is root for a process that is not dumpable.
    """
    found = []
    for name in os.listdir("/proc"):
        if not name.isdigit():
            continue
        try:
            with open(f"/proc/{name}/status", "rb") as status:
                text = status.read(2048)
        except OSError:  # it ended while we looked
            continue
        if b"\nState:\tZ" in text or b"\nState:\tX" in text:
            continue
        uids = text.partition(b"\nUid:\t")[2].partition(b"\n")[0].split()
        found.append((int(name), {int(uid) for uid in uids}))
    return found
