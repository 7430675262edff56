"""Starts the systems that a benchmark compares, and lets one run while the others stand still.

Systems that are not measured are stopped with SIGSTOP, all their processes, and continued for their turn: an
idle Airflow uses a tenth of a core. What they lost meanwhile (leases, heartbeats) they get back in the pause
before each turn.
"""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass, field

from benchmarks.measure.processes import name_tree, read_processes
from benchmarks.peers.contract import System
from benchmarks.peers.product import open_product

SETTLE_SECONDS = 3.0


@dataclass
class Running:
    """A system and its neighbours, which stand still during its turn."""

    system: System
    neighbours: list[System] = field(default_factory=list)

    @property
    def name(self) -> str:
        return self.system.name

    @contextmanager
    def alone(self) -> Iterator[None]:
        """Only this system runs in the block."""
        stopped = [pid for neighbour in self.neighbours for pid in _pids(neighbour)]
        for pid in stopped:
            _signal(pid, signal.SIGSTOP)
        try:
            if stopped:
                time.sleep(SETTLE_SECONDS)
            yield
        finally:
            for pid in reversed(stopped):
                _signal(pid, signal.SIGCONT)


@contextmanager
def open_systems(peers: str) -> Iterator[list[Running]]:
    """Ours, and the peers asked for. All end with the block, except a stack of ours that ran before."""
    with ExitStack() as stack:
        systems: list[System] = [stack.enter_context(open_product())]
        if peers == "airflow":
            from benchmarks.peers.airflow import open_airflow

            systems.append(stack.enter_context(open_airflow()))
        yield [Running(one, [other for other in systems if other is not one]) for one in systems]


def _pids(system: System) -> list[int]:
    return list(name_tree(roots=system.roots(), label=system.label, processes=read_processes()))


def _signal(pid: int, number: signal.Signals) -> None:
    with suppress(ProcessLookupError):
        os.kill(pid, number)
