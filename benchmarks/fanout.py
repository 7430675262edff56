"""One no-op mapped over 1,000 items: tasks a second, processor time a task and where it goes."""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

from benchmarks.measure.cpu import read_cpu, spent
from benchmarks.measure.machine import read_machine
from benchmarks.measure.options import finish, parser, rounds_of, tell
from benchmarks.measure.report import Metric, Report
from benchmarks.measure.statistics import abba
from benchmarks.peers.contract import System
from benchmarks.peers.opening import open_systems

DAG = "bench_fanout"
FILES = {"dags/bench_fanout.py": Path(__file__).parent / "dags" / "bench_fanout.py"}
ITEMS, QUICK_ITEMS, WARM_ITEMS = 1000, 100, 40
RUN_SECONDS = 900
REST_SECONDS = 1.0
# Each look is a request that the system pays for.
POLL_SECONDS = 2.0


@dataclass(frozen=True)
class Fanout:
    """One run. ``cpu``: processor milliseconds a task by process, its Postgres included."""

    per_second: float
    seconds: float
    cpu: dict[str, float]

    @property
    def cpu_ms(self) -> float:
        return sum(self.cpu.values())


def main(argv: list[str]) -> int:
    options = parser("fanout", __doc__ or "", rounds=3)
    options.add_argument("--items", type=int, help=f"how many (default {ITEMS}, quick: {QUICK_ITEMS})")
    chosen = options.parse_args(argv)
    items = chosen.items or (QUICK_ITEMS if chosen.quick else ITEMS)
    report = Report("fanout", read_machine())
    with open_systems(chosen.peers) as systems:
        by_name = {running.name: running for running in systems}
        for running in systems:
            with running.alone():
                running.system.publish(FILES, dag_ids=[DAG])
                warm = run_fanout(running.system, WARM_ITEMS)
            tell(f"{running.name}: warm-up {warm.per_second:.1f} tasks/s")
        found: dict[str, list[Fanout]] = {name: [] for name in by_name}
        for order in abba(list(by_name), rounds_of(chosen)):
            for name in order:
                with by_name[name].alone():
                    found[name].append(run_fanout(by_name[name].system, items))
                last = found[name][-1]
                tell(f"{name}: {last.per_second:.1f} tasks/s, {last.cpu_ms:.1f} CPU-ms a task")
    fill(report, found, items)
    return finish(report, chosen)


def run_fanout(system: System, items: int) -> Fanout:
    """One run of so many items, once the system is at rest."""
    time.sleep(REST_SECONDS)
    before = read_cpu(system)
    run_id = system.rest.trigger(DAG, {"items": items})
    run = system.rest.wait_run(DAG, run_id, seconds=RUN_SECONDS, poll_seconds=POLL_SECONDS)
    time.sleep(REST_SECONDS)  # what it still cleans up is part of the price
    used = spent(before, read_cpu(system))
    if run["state"] != "success":
        raise RuntimeError(f"{system.name}: run {run_id} ended as {run['state']}")
    seconds = span(system.rest.task_instances(DAG, run_id), items)
    return Fanout(items / seconds, seconds, {name: value * 1000 / items for name, value in used.items()})


def span(instances: list[Mapping[str, Any]] | list[dict[str, Any]], items: int) -> float:
    """Seconds from the first start to the last end of the mapped tasks, as the API tells them."""
    mapped = [row for row in instances if row["task_id"] == "nothing"]
    if len(mapped) != items or any(row["state"] != "success" for row in mapped):
        raise RuntimeError(f"{len(mapped)} mapped tasks, {items} expected, not all successful")
    starts = [datetime.fromisoformat(row["start_date"]) for row in mapped]
    ends = [datetime.fromisoformat(row["end_date"]) for row in mapped]
    return (max(ends) - min(starts)).total_seconds()


def fill(report: Report, found: dict[str, list[Fanout]], items: int) -> None:
    """The table's lines: the two goals, then each process's share."""
    report.metrics = [
        Metric(
            "rate",
            "tasks/s",
            {name: [run.per_second for run in runs] for name, runs in found.items()},
            bigger_is_better=True,
            floor_ratio=5,
        ),
        Metric(
            "processor time", "ms/task", {name: [run.cpu_ms for run in runs] for name, runs in found.items()}
        ),
    ]
    parts = {part for runs in found.values() for run in runs for part, ms in run.cpu.items() if ms >= 0.05}
    for part in sorted(
        parts, key=lambda part: -max(run.cpu.get(part, 0) for runs in found.values() for run in runs)
    ):
        rounds = {
            name: [run.cpu.get(part, 0.0) for run in runs]
            for name, runs in found.items()
            if any(part in run.cpu for run in runs)
        }
        report.metrics.append(Metric(f"  of it {part}", "ms/task", rounds))
    report.notes.append(
        f"{items:,} items; the rate is from the first start to the last end as the API tells them"
    )
    report.notes.append(
        "processor time is of all the system's processes and its Postgres, from trigger to rest"
    )
    report.details = {name: [asdict(run) for run in runs] for name, runs in found.items()}
