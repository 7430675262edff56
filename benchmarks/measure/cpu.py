"""Where a system's processor time went between two instants."""

from __future__ import annotations

from collections import Counter

from benchmarks.measure.processes import name_tree, read_processes, seconds_by_name
from benchmarks.peers.contract import System


def read_cpu(system: System) -> Counter[str]:
    """Processor seconds so far, by the names that the system gives its processes."""
    processes = read_processes()
    names = name_tree(roots=system.roots(), label=system.label, processes=processes)
    return seconds_by_name(names=names, processes=processes, reaped_as=system.reaped_as)


def spent(before: Counter[str], after: Counter[str]) -> dict[str, float]:
    """Seconds in between, the most first. A name that lost time lost processes that nobody waited for."""
    names = {*before, *after}
    found = {name: after[name] - before[name] for name in names}
    return dict(sorted(found.items(), key=lambda item: -item[1]))
