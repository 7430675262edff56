"""A control group per attempt: the exact bound on memory and processes, and the proof of an OOM kill.

The agent makes one before it orders a jailed child, passes ``folders`` in the child's ``JailSpec`` (the child
joins before anything else), and asks ``memory_events`` when the child has died. Groups are made below
the agent's own group, so the bounds the machine's owner has set on the agent hold for its attempts too.

Both layouts are served: v1 (a tree per controller) and v2 (one tree), and the mixture of both. On v2 a group
with processes in it cannot hand controllers to its children; run the agent with a delegated
group (systemd: ``Delegate=yes``) and call ``move_self_into_leaf`` once at start.
"""

from __future__ import annotations

import errno
import os
import signal
import time
from contextlib import suppress
from dataclasses import dataclass

_WANTED = ("memory", "pids")
_CPU_PERIOD_MICROS = 100_000


class GroupStillInUse(RuntimeError):
    """A group cannot be removed: processes are left in it after they were killed."""


@dataclass(frozen=True)
class _Tree:
    """One mounted hierarchy and the folder of our own group in it."""

    version: int
    controllers: frozenset[str]
    own_folder: str


@dataclass(frozen=True)
class Cgroup:
    """A group of one attempt. ``folders`` has one entry per hierarchy; ``bounds`` says what they enforce."""

    folders: tuple[str, ...]
    bounds: frozenset[str]

    @classmethod
    def create(
        cls, *, name: str, memory_bytes: int, processes: int, cpu_millis: int | None = None
    ) -> Cgroup | None:
        """Make a group with these limits; None where this process may make none that bounds anything.

        ``name`` is a single path element, unique among living groups. ``cpu_millis``: thousandths of a processor
        that all of the group may use at a time, at least 10; without it nothing is asked of that controller.
        """
        folders: list[str] = []
        bounds: set[str] = set()
        wanted = _WANTED if cpu_millis is None else (*_WANTED, "cpu")
        for tree in _trees(wanted):
            folder = os.path.join(tree.own_folder, name)
            try:
                usable = _enable_below(tree, wanted)
                os.mkdir(folder)
            except FileExistsError:
                raise
            except OSError:
                continue
            folders.append(folder)
            bounds |= _limit(folder, tree.version, usable, memory_bytes=memory_bytes, processes=processes)
            if cpu_millis is not None and "cpu" in usable and _limit_cpu(folder, tree.version, cpu_millis):
                bounds.add("cpu")
        group = cls(tuple(folders), frozenset(bounds))
        if not bounds:
            group.remove()
            return None
        return group

    def add(self, pid: int) -> None:
        """Move a process into the group; its later children are born in it."""
        for folder in self.folders:
            _write(f"{folder}/cgroup.procs", str(pid))

    def pids(self) -> list[int]:
        """The processes in the group now, zombies excluded by the kernel."""
        found: set[int] = set()
        for folder in self.folders:
            with suppress(FileNotFoundError), open(f"{folder}/cgroup.procs") as procs:
                found |= {int(line) for line in procs}
        return sorted(found)

    def kill(self, *, within_seconds: float = 5.0) -> bool:
        """SIGKILL every process in the group, however fast they fork; whether none is left."""
        for folder in self.folders:
            if os.path.exists(f"{folder}/cgroup.kill"):
                _write(f"{folder}/cgroup.kill", "1")
        deadline = time.monotonic() + within_seconds
        while pids := self.pids():
            for number in (signal.SIGSTOP, signal.SIGKILL):
                for pid in pids:
                    with suppress(ProcessLookupError):
                        os.kill(pid, number)
            if time.monotonic() > deadline:
                return False
            time.sleep(0.001)
        return True

    def memory_events(self) -> int:
        """How many processes of the group the kernel killed because the memory limit was reached."""
        for folder in self.folders:
            for file in ("memory.events", "memory.oom_control"):
                with suppress(FileNotFoundError), open(f"{folder}/{file}") as events:
                    return read_oom_kills(events.read())
        return 0

    def remove(self) -> None:
        """Take the emptied group away. Raises GroupStillInUse. Removing twice is no error."""
        for folder in self.folders:
            for _ in range(50):
                try:
                    os.rmdir(folder)
                except FileNotFoundError:
                    break
                except OSError as error:
                    if error.errno != errno.EBUSY:
                        raise
                    time.sleep(0.002)  # a killed process leaves its group a moment after it has died
                else:
                    break
            else:
                raise GroupStillInUse(f"{folder} still holds processes {self.pids()}; call kill first")


def read_oom_kills(text: str) -> int:
    """The ``oom_kill`` counter of v2's memory.events or v1's memory.oom_control."""
    for line in text.splitlines():
        key, _, value = line.partition(" ")
        if key == "oom_kill":
            return int(value)
    return 0


def move_self_into_leaf(name: str = "agent") -> bool:
    """On v2, step into a child of our own group, so that the group may hand its controllers to attempts.

    For the agent, once, at start. Returns whether it moved; False where v2 carries none of the controllers or
    the group is not delegated to us. Groups are then made beside the leaf.
    """
    for tree in _trees():
        if tree.version != 2 or not tree.controllers.intersection(_WANTED):
            continue
        leaf = os.path.join(tree.own_folder, name)
        try:
            os.makedirs(leaf, exist_ok=True)
            _write(f"{leaf}/cgroup.procs", str(os.getpid()))
            _enable_below(tree)
        except OSError:
            return False
        _leaves.add(leaf)
        return True
    return False


_leaves: set[str] = set()


def _trees(wanted: tuple[str, ...] = _WANTED) -> list[_Tree]:
    """The hierarchies that matter: those with a wanted controller, and v2 in any case for its cgroup.kill."""
    own: dict[str, str] = {}
    with open("/proc/self/cgroup") as groups:
        for line in groups:
            _, controllers, path = line.rstrip("\n").split(":", 2)
            for controller in controllers.split(","):
                own[controller] = path
    trees = []
    with open("/proc/self/mountinfo") as mounts:
        for line in mounts:
            left, _, right = line.partition(" - ")
            kind, _, options = right.split()[:3]
            root, point = left.split()[3:5]
            if kind == "cgroup2" and "" in own:
                folder = _own_folder(point, root, own[""])
                trees.append(_Tree(2, _controllers_of(folder), folder))
            elif kind == "cgroup":
                found = frozenset(options.split(",")).intersection(wanted)
                for controller in found:
                    trees.append(_Tree(1, found, _own_folder(point, root, own.get(controller, "/"))))
                    break
    return trees


def _own_folder(point: str, root: str, path: str) -> str:
    relative = os.path.relpath(path, root) if path.startswith(root) else "."
    folder = os.path.normpath(os.path.join(point, relative))
    return os.path.dirname(folder) if folder in _leaves else folder


def _controllers_of(folder: str) -> frozenset[str]:
    try:
        with open(f"{folder}/cgroup.controllers") as controllers:
            return frozenset(controllers.read().split())
    except OSError:
        return frozenset()


def _enable_below(tree: _Tree, wanted: tuple[str, ...] = _WANTED) -> frozenset[str]:
    """The wanted controllers that children of our own group can have."""
    if tree.version == 1:
        return tree.controllers
    path = f"{tree.own_folder}/cgroup.subtree_control"
    for controller in sorted(tree.controllers.intersection(wanted)):
        with suppress(OSError):  # EBUSY: we are in the group ourselves; see move_self_into_leaf
            _write(path, f"+{controller}")
    with open(path) as enabled:
        return frozenset(enabled.read().split()).intersection(wanted)


def _limit(
    folder: str, version: int, usable: frozenset[str], *, memory_bytes: int, processes: int
) -> set[str]:
    """Write the limits; return which of them hold."""
    held = set()
    if "memory" in usable:
        if version == 2:
            _write(f"{folder}/memory.max", str(memory_bytes))
            extra = {"memory.swap.max": "0", "memory.oom.group": "1"}
        else:
            _write(f"{folder}/memory.limit_in_bytes", str(memory_bytes))
            extra = {"memory.memsw.limit_in_bytes": str(memory_bytes)}
        for file, value in extra.items():
            with suppress(OSError):  # no swap accounting in this kernel
                _write(f"{folder}/{file}", value)
        held.add("memory")
    if "pids" in usable:
        _write(f"{folder}/pids.max", str(processes))
        held.add("processes")
    return held


def _limit_cpu(folder: str, version: int, millis: int) -> bool:
    """Whether the kernel took it: a group above with less may forbid it, and is then the bound."""
    quota = millis * _CPU_PERIOD_MICROS // 1000
    try:
        if version == 2:
            _write(f"{folder}/cpu.max", f"{quota} {_CPU_PERIOD_MICROS}")
        else:
            _write(f"{folder}/cpu.cfs_period_us", str(_CPU_PERIOD_MICROS))
            _write(f"{folder}/cpu.cfs_quota_us", str(quota))
    except OSError:
        return False
    return True


def _write(path: str, text: str) -> None:
    fd = os.open(path, os.O_WRONLY)
    try:
        os.write(fd, text.encode())
    finally:
        os.close(fd)
