"""40 linear tasks, one after the other: wall time, and the gap between two tasks (a hop)."""

from __future__ import annotations

import itertools
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path

from benchmarks.measure.machine import read_machine
from benchmarks.measure.options import finish, parser, rounds_of, tell
from benchmarks.measure.report import OURS, Metric, Report
from benchmarks.measure.statistics import abba, percentile
from benchmarks.peers.contract import System
from benchmarks.peers.opening import Running, open_systems

DAG = "bench_chain"
FILES = {"dags/bench_chain.py": Path(__file__).parent / "dags" / "bench_chain.py"}
TASKS = 40
RUN_SECONDS = 300


@dataclass(frozen=True)
class Chain:
    """One run, in milliseconds, from the instants that the tasks themselves took."""

    wall: float
    to_first: float
    hops: list[float]
    bodies: list[float]


def main(argv: list[str]) -> int:
    options = parser("chain", __doc__, rounds=5).parse_args(argv)
    report = Report("chain", read_machine())
    with open_systems(options.peers) as systems:
        names = [system.name for system in systems]
        for running in systems:
            with running.alone():
                running.system.publish(FILES, dag_ids=[DAG])
                for _ in range(1 if options.quick else 2):
                    tell(f"{running.name}: warm-up {run_chain(running.system).wall:,.0f} ms")
        found: dict[str, list[Chain]] = {name: [] for name in names}
        by_name: dict[str, Running] = {running.name: running for running in systems}
        for order in abba(names, rounds_of(options)):
            for name in order:
                with by_name[name].alone():
                    # It stood still for a whole turn of the others: its first run pays for that, not for a hop.
                    run_chain(by_name[name].system)
                    found[name].append(run_chain(by_name[name].system))
                tell(f"{name}: {found[name][-1].wall:,.0f} ms")
    fill(report, found)
    return finish(report, options)


def run_chain(system: System) -> Chain:
    """One run, triggered by REST; what the tasks returned is read when it is over."""
    asked = time.time_ns()
    run_id = system.rest.trigger(DAG)
    run = system.rest.wait_run(DAG, run_id, seconds=RUN_SECONDS)
    if run["state"] != "success":
        raise RuntimeError(f"{system.name}: run {run_id} ended as {run['state']}")
    return measure(asked, [system.rest.returned(DAG, run_id, f"t{number:02}") for number in range(TASKS)])


def measure(asked: int, instants: list[list[int]]) -> Chain:
    """From the instant of the trigger and each task's first and last instant, all in nanoseconds."""
    pairs = itertools.pairwise(instants)
    return Chain(
        wall=(instants[-1][1] - instants[0][0]) / 1e6,
        to_first=(instants[0][0] - asked) / 1e6,
        hops=[(after[0] - before[1]) / 1e6 for before, after in pairs],
        bodies=[(end - start) / 1e6 for start, end in instants],
    )


def fill(report: Report, found: dict[str, list[Chain]]) -> None:
    """The table's lines."""
    report.metrics = [
        Metric("wall, first line to last", "ms", _each(found, lambda run: run.wall), floor_ratio=12),
        Metric("trigger to first task", "ms", _each(found, lambda run: run.to_first)),
        Metric("hop, median", "ms", _each(found, lambda run: percentile(run.hops, 0.5)), floor=27),
        Metric("hop, 99 %", "ms", _each(found, lambda run: percentile(run.hops, 0.99))),
        Metric("body, median", "ms", _each(found, lambda run: percentile(run.bodies, 0.5))),
    ]
    hops = {name: [hop for run in runs for hop in run.hops] for name, runs in found.items()}
    for name, values in hops.items():
        middle, most = percentile(values, 0.5), percentile(values, 0.99)
        report.notes.append(f"{name}: {len(values)} hops, median {middle:.1f} ms, 99 % {most:.1f} ms")
    report.notes.append("a hop is from the last line of one task's body to the first line of the next one's")
    report.details = {name: [asdict(run) for run in runs] for name, runs in found.items()}
    if OURS not in found:
        raise RuntimeError("ours was not measured")


def _each(found: dict[str, list[Chain]], value: Callable[[Chain], float]) -> dict[str, list[float]]:
    return {name: [value(run) for run in runs] for name, runs in found.items()}
