"""Time and memory of a system: every process below its roots, read from /proc.

Time is what the kernel counted for each living process and for all its children that ended (utime, stime,
cutime, cstime). A child's whole life moves into its parent's count when the parent reaps it, so the sum over
the living tree only grows and misses nothing, as long as every parent reaps its children. One process counts
in clock ticks of 10 ms: measure seconds, not one task.
"""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

TICKS = os.sysconf("SC_CLK_TCK")


@dataclass(frozen=True)
class Process:
    """One row of /proc. ``own`` and ``reaped`` are seconds of processor time."""

    pid: int
    parent: int
    own: float
    reaped: float
    command: str


def read_processes(*, proc: Path = Path("/proc")) -> dict[int, Process]:
    """All processes that can be seen."""
    found = {}
    for folder in proc.iterdir():
        if folder.name.isdigit():
            with suppress(OSError):
                command = (folder / "cmdline").read_bytes().replace(b"\0", b" ").decode(errors="replace")
                process = parse_stat((folder / "stat").read_text(errors="replace"), command.strip())
                found[process.pid] = process
    return found


def parse_stat(text: str, command: str) -> Process:
    """One line of /proc/<pid>/stat; the name in it may hold blanks and brackets."""
    pid, _, rest = text.partition(" ")
    name, _, fields = rest.rpartition(") ")
    numbers = fields.split()
    user, system, reaped_user, reaped_system = (int(value) for value in numbers[11:15])
    return Process(
        pid=int(pid),
        parent=int(numbers[1]),
        own=(user + system) / TICKS,
        reaped=(reaped_user + reaped_system) / TICKS,
        command=command or name.lstrip("("),
    )


def name_tree(
    *, roots: Mapping[int, str], label: Callable[[str], str | None], processes: Mapping[int, Process]
) -> dict[int, str]:
    """A name for every process below the roots: its own label, else its parent's name."""
    children: dict[int, list[int]] = {}
    for process in processes.values():
        children.setdefault(process.parent, []).append(process.pid)
    names = {pid: name for pid, name in roots.items() if pid in processes}
    left = list(names)
    while left:
        parent = left.pop()
        for pid in children.get(parent, []):
            if pid not in names:
                names[pid] = label(processes[pid].command) or names[parent]
                left.append(pid)
    return names


def seconds_by_name(
    *, names: Mapping[int, str], processes: Mapping[int, Process], reaped_as: Callable[[str], str]
) -> Counter[str]:
    """Processor seconds so far; the time of children that ended counts to ``reaped_as(parent's name)``."""
    total: Counter[str] = Counter()
    for pid, name in names.items():
        total[name] += processes[pid].own  # type: ignore[assignment]
        total[reaped_as(name)] += processes[pid].reaped  # type: ignore[assignment]
    return total


def pss_bytes(pids: Iterable[int]) -> int:
    """Proportional memory of these processes together."""
    total = 0
    for pid in pids:
        with suppress(OSError):
            for line in Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines():
                if line.startswith("Pss:"):
                    total += int(line.split()[1]) * 1024
    return total
