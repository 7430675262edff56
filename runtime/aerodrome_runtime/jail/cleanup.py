"""After an attempt: nothing of it is left on the machine.

Called by the agent once the zygote has reported the child's end. The zygote's ``end_jailed`` has then ended
the namespaces, and mounts, shared memory and sockets died with them; what is left to the agent is to make
sure (the zygote itself may have been killed), to delete the home and to give the uid back.
"""

from __future__ import annotations

import os
import shutil
import subprocess
from dataclasses import dataclass

from aerodrome_runtime.jail.cgroups import Cgroup
from aerodrome_runtime.jail.uids import UidLeases, kill_all, processes_of


@dataclass(frozen=True)
class Leftovers:
    """What could not be removed; ``clean`` is true when that is nothing."""

    pids: tuple[int, ...] = ()
    home: str | None = None
    cgroup: tuple[str, ...] = ()

    @property
    def clean(self) -> bool:
        """Whether the attempt left no trace."""
        return self == Leftovers()


def clean_up(
    *, home: str, uid: int | None = None, leases: UidLeases | None = None, cgroup: Cgroup | None = None
) -> Leftovers:
    """Kill what is alive, delete ``home``, remove the control group, release the uid. May be repeated.

    The uid stays leased when a process of it survives, so that nobody inherits it.
    """
    pids: list[int] = []
    groups: tuple[str, ...] = ()
    if cgroup is not None:
        if cgroup.kill():
            cgroup.remove()
        else:
            pids, groups = cgroup.pids(), cgroup.folders
    if uid is not None and not kill_all(uid):
        pids = sorted({*pids, *processes_of(uid)})
    # Only now: a living process could put files back, or swap a folder for a link while it is deleted.
    _delete(home)
    if uid is not None and leases is not None and uid in leases.held and not pids:
        leases.release(uid)
    return Leftovers(tuple(pids), home if os.path.lexists(home) else None, groups)


def _delete(folder: str) -> None:
    """Delete a folder a stranger has filled: links are not followed, and no depth is too deep."""
    try:
        shutil.rmtree(folder, ignore_errors=True)
    except RecursionError:
        subprocess.run(["rm", "-rf", "--", folder], check=False, stderr=subprocess.DEVNULL)
