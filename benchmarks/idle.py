"""What 200 idle tenants with 20 DAGs each add: processes, connections, statements, memory."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass
from typing import Any

import psycopg2

from benchmarks.measure.cpu import read_cpu, spent
from benchmarks.measure.machine import read_machine
from benchmarks.measure.options import finish, parser, tell
from benchmarks.measure.processes import name_tree, pss_bytes, read_processes
from benchmarks.measure.report import OURS, Metric, Report
from benchmarks.peers.product import Product, open_product

TENANTS, QUICK_TENANTS, DAGS = 200, 10, 20
WINDOW_SECONDS, QUICK_WINDOW_SECONDS = 120.0, 10.0
# Warm children and zygotes of files that were parsed or run are ended after a minute without use.
QUIET_SECONDS, QUICK_QUIET_SECONDS = 90.0, 10.0
THREADS = 32
"""At least the threads of all web processes."""
# The product's own heartbeats fall into a window or not: a few statements, whatever the number of tenants.
STATEMENT_NOISE = 0.1
_FILE = """
from datetime import datetime
from airflow.sdk import DAG
from airflow.providers.standard.operators.empty import EmptyOperator

for number in range({dags}):
    with DAG(f"idle_{{number:02}}", schedule="@hourly", start_date=datetime(2026, 1, 1), catchup=False,
             is_paused_upon_creation=True):
        EmptyOperator(task_id="first") >> EmptyOperator(task_id="second")
"""


class NoSuperuser(Exception):
    """Connections and statements of all roles can only be counted on the embedded Postgres."""


@dataclass(frozen=True)
class Idle:
    """One look at the system at rest. Statements and seconds of processor are those of a minute."""

    processes: int
    connections: int
    statements: float
    cpu_seconds: float
    pss_mib: float
    database_mib: float


def main(argv: list[str]) -> int:
    options = parser("idle", __doc__ or "", rounds=1, peers=("none",))
    options.add_argument("--tenants", type=int, help=f"how many (default {TENANTS}, quick: {QUICK_TENANTS})")
    chosen = options.parse_args(argv)
    tenants = chosen.tenants or (QUICK_TENANTS if chosen.quick else TENANTS)
    window = QUICK_WINDOW_SECONDS if chosen.quick else WINDOW_SECONDS
    quiet = QUICK_QUIET_SECONDS if chosen.quick else QUIET_SECONDS
    report = Report("idle", read_machine())
    with open_product() as product, superuser(product) as link:
        source = _FILE.format(dags=DAGS).encode()
        product.tenant.upload({"dags/idle.py": source})  # the runtime is built, every path has run once
        open_threads(product)
        tell(f"at rest before: {quiet + window:.0f} s")
        before = look(product, link, quiet, window)
        seconds = provision(product, tenants, source)
        tell(f"at rest after: {quiet + window:.0f} s")
        after = look(product, link, quiet, window)
    fill(report, before, after, tenants)
    report.notes.append(
        f"{tenants} tenants signed up and uploaded {DAGS} paused hourly DAGs in {seconds:.0f} s, all by the API"
    )
    return finish(report, chosen)


def open_threads(product: Product) -> None:
    """Every web thread keeps its connections, whatever the number of tenants: let each have served somebody."""

    def sign_up_and_push(number: int) -> None:
        product.sign_up("warm").upload({"dags/idle.py": b"# nothing"})

    with ThreadPoolExecutor(THREADS) as callers:
        list(callers.map(sign_up_and_push, range(2 * THREADS)))


def provision(product: Product, tenants: int, source: bytes) -> float:
    """So many tenants by sign-up and upload, one after the other; seconds."""
    began = time.monotonic()
    for number in range(1, tenants + 1):
        product.sign_up("bench-idle").upload({"dags/idle.py": source})
        if number % 20 == 0:
            tell(f"{number} tenants after {time.monotonic() - began:.0f} s")
    return time.monotonic() - began


def look(product: Product, link: Any, quiet: float, window: float) -> Idle:
    """Wait ``quiet`` seconds until what was warm is gone, then count for ``window`` seconds."""
    time.sleep(quiet)
    cpu, statements = read_cpu(product), _statements(link)
    time.sleep(window)
    minutes = window / 60
    calls = (_statements(link) - statements) / minutes
    used = sum(spent(cpu, read_cpu(product)).values()) / minutes
    names = name_tree(roots=product.roots(), label=product.label, processes=read_processes())
    # A connection is a process of Postgres: counted by its own view.
    connections, size = _query(
        link,
        "SELECT (SELECT count(*) FROM pg_stat_activity WHERE backend_type = 'client backend' "
        "AND pid <> pg_backend_pid()), pg_database_size(current_database())",
    )
    mib = 2**20
    return Idle(len(names), connections, calls, used, pss_bytes(names) / mib, size / mib)


def fill(report: Report, before: Idle, after: Idle, tenants: int) -> None:
    """Before, after, and what one tenant added."""
    added = {name: value - asdict(before)[name] for name, value in asdict(after).items()}
    for name, unit, floor in (
        ("processes", "", 0.0),
        ("connections", "", 0.0),
        ("statements", "1/min", None),
        ("cpu_seconds", "s/min", None),
        ("pss_mib", "MiB", None),
        ("database_mib", "MiB", None),
    ):
        label = name.replace("_mib", "").replace("_", " ").replace("pss", "memory (PSS)")
        report.metrics.append(Metric(f"{label} before", unit or "number", {OURS: [asdict(before)[name]]}))
        report.metrics.append(Metric(f"{label} added", unit or "number", {OURS: [added[name]]}, floor=floor))
    report.metrics += [
        Metric(
            "statements a tenant",
            "1/min",
            {OURS: [max(0.0, added["statements"]) / tenants]},
            floor=STATEMENT_NOISE,
        ),
        Metric("memory a tenant", "MiB", {OURS: [max(0.0, added["pss_mib"]) / tenants]}, floor=1.0),
        Metric("database on disk a tenant", "MiB", {OURS: [added["database_mib"] / tenants]}),
    ]
    report.notes.append(
        "statements: calls of all roles as pg_stat_statements counts them, ours not among them"
    )
    report.details = {"before": asdict(before), "after": asdict(after), "tenants": tenants}


@contextlib.contextmanager
def superuser(product: Product) -> Iterator[Any]:
    database = product.database()
    if database is None:
        raise NoSuperuser(
            "the idle bench needs the embedded Postgres: unset the AERODROME_DATABASE_*URL variables"
        )
    link = psycopg2.connect(**database)  # type: ignore[call-overload]
    link.autocommit = True
    with link.cursor() as cursor:
        cursor.execute("CREATE EXTENSION IF NOT EXISTS pg_stat_statements")
    try:
        yield link
    finally:
        link.close()


def _statements(link: Any) -> float:
    return float(
        _query(
            link,
            "SELECT coalesce(sum(calls), 0) FROM pg_stat_statements "
            "WHERE userid <> (SELECT usesysid FROM pg_user WHERE usename = current_user)",
        )[0]
    )


def _query(link: Any, text: str) -> tuple[Any, ...]:
    with link.cursor() as cursor:
        cursor.execute(text)
        row: tuple[Any, ...] = cursor.fetchone()
        return row
