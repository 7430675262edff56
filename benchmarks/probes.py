"""The machine's limits: commits a second with one and eight clients, forks of a process with the Task SDK."""

from __future__ import annotations

from benchmarks.measure.machine import read_machine
from benchmarks.measure.options import finish, parser, rounds_of
from benchmarks.measure.probes import commits_per_second, fork_ms
from benchmarks.measure.report import OURS, Metric, Report
from benchmarks.measure.statistics import percentile
from benchmarks.peers.product import open_product

SECONDS, QUICK_SECONDS = 3.0, 1.0


def main(argv: list[str]) -> int:
    options = parser("probes", __doc__ or "", rounds=3, peers=("none",)).parse_args(argv)
    seconds = QUICK_SECONDS if options.quick else SECONDS
    report = Report("probes", read_machine())
    one: list[float] = []
    eight: list[float] = []
    forks: list[float] = []
    sizes: list[float] = []
    with open_product() as product:
        database, python = product.database(), product.runtime_python()
        for _ in range(rounds_of(options)):
            for clients, into in ((1, one), (8, eight)):
                rate = database and commits_per_second(database, clients=clients, seconds=seconds)
                if rate:
                    into.append(rate)
            if python:
                taken, mib = fork_ms(python, seconds=seconds)
                forks.append(percentile(taken, 0.5))
                sizes.append(mib)
    report.metrics = [
        Metric("P1 one-row commits, 1 client", "1/s", {OURS: one}, bigger_is_better=True),
        Metric("P2 one-row commits, 8 clients", "1/s", {OURS: eight}, bigger_is_better=True),
        Metric("P3 fork, exit, wait", "ms", {OURS: forks}),
        Metric("P3's process", "MiB", {OURS: sizes}),
    ]
    report.notes.append("P1 and P2 are pgbench on the product's own Postgres; they need the embedded one")
    report.notes.append("P3 needs a built runtime: run another bench before, and it is there")
    return finish(report, options)
