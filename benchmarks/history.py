"""15 million ended task instances: what a chain, each statement and a page of the API take beside them; how fast they go."""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import Any

from benchmarks.chain import DAG, FILES, TASKS, run_chain
from benchmarks.idle import superuser
from benchmarks.measure.machine import read_machine
from benchmarks.measure.options import finish, parser, rounds_of, tell
from benchmarks.measure.report import OURS, Metric, Report
from benchmarks.measure.statistics import percentile
from benchmarks.peers.product import Product, open_product

ROWS, QUICK_ROWS = 15_000_000, 200_000
BATCH_RUNS = 2_500
PRUNED_RUNS = 2_000
"""As many as one round of pruning deletes."""
PRUNE_SECONDS = 900
REQUESTS = 5
_RUNS = f"/api/v2/dags/{DAG}/dagRuns"
PAGES: dict[str, str] = {
    "a page of runs": f"{_RUNS}?limit=100&order_by=-run_after",
    "the same, by cursor": f"{_RUNS}?limit=100&order_by=-run_after&cursor=",
    "newest task instances, by cursor": f"{_RUNS}/~/taskInstances?limit=100&order_by=-id&cursor=",
}
"""By offset all that match are counted, as Airflow's contract says; by cursor at most 50,000 are. Not here: a page of the
task instances of all runs by offset, which reads and sorts every one of them (minutes)."""
# Ids below every real one, in the order of the runs; a minute lies between two runs.
_RUN_ID = "lpad(to_hex(n), 32, '0')::uuid"
_TASK_ID = "lpad(to_hex((1::bigint << 48) + n * 4096 + t.task_index), 32, '0')::uuid"
_EARLIER = "t.{} - n * interval '1 minute'"
_RUN = {
    "id": _RUN_ID,
    "run_id": "'bench__' || n",
    **{
        name: _EARLIER.format(name)
        for name in ("logical_date", "data_interval_start", "data_interval_end", "run_after", "queued_at")
    },
    **{name: _EARLIER.format(name) for name in ("start_date", "end_date", "last_scheduling_decision")},
}
_TASK = {
    "id": _TASK_ID,
    "dag_run_id": _RUN_ID,
    "run_id": "'bench__' || n",
    **{name: _EARLIER.format(name) for name in ("scheduled_at", "queued_at", "start_date", "end_date")},
}


@dataclass(frozen=True)
class Statement:
    """The slowest of the product's statements in a round: its mean, and its worst time, in ms."""

    text: str
    mean: float
    worst: float


@dataclass(frozen=True)
class Look:
    """One round."""

    hop: float
    wall: float
    slowest: Statement
    pages: dict[str, float]


def main(argv: list[str]) -> int:
    options = parser("history", __doc__ or "", rounds=3, peers=("none",))
    options.add_argument("--rows", type=int, help=f"how many (default {ROWS:,}, quick: {QUICK_ROWS:,})")
    chosen = options.parse_args(argv)
    rows = chosen.rows or (QUICK_ROWS if chosen.quick else ROWS)
    report = Report("history", read_machine())
    with open_product() as product, superuser(product) as link:
        product.publish(FILES, dag_ids=[DAG])
        for _ in range(2):
            tell(f"warm-up: {run_chain(product).wall:,.0f} ms")
        before = [look(product, link) for _ in range(rounds_of(chosen))]
        seconds = fill_up(product, link, rows)
        run_chain(product)
        after = [look(product, link) for _ in range(rounds_of(chosen))]
        size = _one(link, "SELECT pg_total_relation_size('task_instance')")
        pruned = prune(product, link, rows)
    add(report, "with few rows", before)
    add(report, f"with {rows:,}", after)
    report.metrics.append(Metric("pruned rows a second", "number", {OURS: [pruned]}, bigger_is_better=True))
    report.notes.append(
        f"{rows:,} task instances of one tenant, copied in {seconds:.0f} s: {size / 2**30:.1f} GiB"
    )
    worst = max(after, key=lambda one: one.slowest.worst).slowest
    report.notes.append(
        f"the slowest of all: {worst.worst:.0f} ms at worst, {worst.mean:.1f} on average: {worst.text}"
    )
    return finish(report, chosen)


def fill_up(product: Product, link: Any, rows: int) -> float:
    """Copies of one run, each a minute earlier, with its task instances; seconds."""
    began = time.monotonic()
    runs = rows // TASKS
    with link.cursor() as cursor:
        cursor.execute("SET session_replication_role = replica")
        template = _one(
            link,
            "SELECT r.id::text FROM dag_run r JOIN tenant t ON t.id = r.tenant_id "
            "WHERE t.slug = %s AND r.state = 'success' ORDER BY r.id LIMIT 1",
            product.tenant.slug,
        )
        for first in range(1, runs + 1, BATCH_RUNS):
            last = min(first + BATCH_RUNS - 1, runs)
            for table, changed, column in (("dag_run", _RUN, "id"), ("task_instance", _TASK, "dag_run_id")):
                names = _columns(link, table)
                values = ", ".join(changed.get(name, f't."{name}"') for name in names)
                listed = ", ".join(f'"{name}"' for name in names)
                cursor.execute(
                    f"INSERT INTO {table} ({listed}) SELECT {values} "
                    f"FROM {table} t, generate_series(%s::bigint, %s::bigint) n WHERE t.{column} = %s::uuid",
                    [first, last, template],
                )
            if last % (BATCH_RUNS * 10) == 0:
                tell(f"{last * TASKS:,} rows after {time.monotonic() - began:.0f} s")
        cursor.execute("SET session_replication_role = origin")
        cursor.execute("VACUUM (ANALYZE) task_instance")
        cursor.execute("VACUUM (ANALYZE) dag_run")
    return time.monotonic() - began


def look(product: Product, link: Any) -> Look:
    """A chain, and pages; with the slowest statement of the roles that serve and schedule."""
    with link.cursor() as cursor:
        cursor.execute("SELECT pg_stat_statements_reset()")
    chain = run_chain(product)
    with link.cursor() as cursor:
        cursor.execute(
            "SELECT query, mean_exec_time, max_exec_time FROM pg_stat_statements s JOIN pg_roles r ON r.oid = s.userid "
            "WHERE r.rolname IN ('aerodrome_app', 'aerodrome_sched') ORDER BY max_exec_time DESC LIMIT 1"
        )
        text, mean, worst = cursor.fetchone()
    pages = {}
    for name, path in PAGES.items():
        product.rest.call("GET", path)
        began = time.perf_counter()
        for _ in range(REQUESTS):
            product.rest.call("GET", path)
        pages[name] = (time.perf_counter() - began) * 1000 / REQUESTS
    found = Look(percentile(chain.hops, 0.5), chain.wall, Statement(_first_line(text), mean, worst), pages)
    tell(f"hop {found.hop:.1f} ms, slowest statement {worst:.1f} ms")
    return found


def prune(product: Product, link: Any, rows: int) -> float:
    """A retention that one round of pruning fulfils: task instances deleted a second."""
    runs = rows // TASKS
    oldest = min(PRUNED_RUNS, runs // 2)
    days = (runs - oldest) // 1440
    if days < 1:
        return 0.0
    due = runs - days * 1440
    path = f"/api/portal/v1/tenants/{product.tenant.slug}/retention"
    began = time.monotonic()
    product.tenant.portal.call("PUT", path, {"runs_days": days})
    while not (done := product.tenant.portal.call("GET", path)["pruned"]):
        if time.monotonic() - began > PRUNE_SECONDS:
            raise RuntimeError(f"nothing was pruned in {PRUNE_SECONDS} s")
        time.sleep(0.5)
    spent = time.monotonic() - began
    tell(f"{done['runs']:,} runs of {due:,} pruned in {spent:.1f} s")
    return float(done["runs"]) * TASKS / spent


def add(report: Report, when: str, looks: list[Look]) -> None:
    """Lines of the table for these rounds."""
    figures = {
        "hop, median": [one.hop for one in looks],
        "chain": [one.wall for one in looks],
        "slowest statement, mean": [one.slowest.mean for one in looks],
        "slowest statement, worst": [one.slowest.worst for one in looks],
        **{name: [one.pages[name] for one in looks] for name in PAGES},
    }
    for name, values in figures.items():
        floor = 200 if name.startswith("slowest") else None
        report.metrics.append(Metric(f"{name}, {when}", "ms", {OURS: values}, floor=floor))


def _columns(link: Any, table: str) -> list[str]:
    with link.cursor() as cursor:
        cursor.execute(
            "SELECT attname FROM pg_attribute WHERE attrelid = %s::regclass AND attnum > 0 AND NOT attisdropped "
            "AND attgenerated = '' ORDER BY attnum",
            [table],
        )
        return [row[0] for row in cursor.fetchall()]


def _one(link: Any, query: str, *values: Any) -> Any:
    with link.cursor() as cursor:
        cursor.execute(query, values or None)
        return cursor.fetchone()[0]


def _first_line(text: str) -> str:
    return " ".join(text.split())[:120]
