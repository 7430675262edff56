"""What 1,000 grants cost: a listing and a read of 10,000 DAGs, by role, with one grant, and with many."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import asdict, dataclass
from typing import Any

from benchmarks.idle import superuser
from benchmarks.measure.machine import read_machine
from benchmarks.measure.options import finish, parser, rounds_of, tell
from benchmarks.measure.report import OURS, Metric, Report
from benchmarks.measure.statistics import abba
from benchmarks.peers.product import Product, open_product
from benchmarks.peers.rest import Rest

DAGS, QUICK_DAGS = 10_000, 1_000
GRANTS, QUICK_GRANTS = 1_000, 100
REQUESTS, QUICK_REQUESTS = 20, 3
"""Of each sort in a round."""
_FILE = b"""
from datetime import datetime
from airflow.sdk import DAG
from airflow.providers.standard.operators.empty import EmptyOperator

with DAG("bench_00000", schedule=None, start_date=datetime(2026, 1, 1)):
    EmptyOperator(task_id="only")
"""
_MORE = """
INSERT INTO dag SELECT (jsonb_populate_record(d, jsonb_build_object(
  'id', gen_random_uuid(), 'dag_id', 'bench_' || lpad(n::text, 5, '0'), 'dag_display_name', n::text))).*
FROM dag d JOIN tenant t ON t.id = d.tenant_id, generate_series(1, %s) n
WHERE t.slug = %s AND d.dag_id = 'bench_00000'
"""
SORTS: dict[str, str] = {
    "a page of 100": "/api/v2/dags?limit=100&order_by=dag_id",
    "a late page": "/api/v2/dags?limit=100&offset=900&order_by=dag_id",
    "one DAG": "/api/v2/dags/bench_00000",
    "runs of all": "/api/v2/dags/~/dagRuns?limit=100",
}


@dataclass(frozen=True)
class Cost:
    """Of one request: milliseconds for whoever asks, statements and pages of Postgres."""

    ms: float
    statements: float
    pages: float


def main(argv: list[str]) -> int:
    options = parser("grants", __doc__ or "", rounds=5, peers=("none",)).parse_args(argv)
    dags = QUICK_DAGS if options.quick else DAGS
    grants = QUICK_GRANTS if options.quick else GRANTS
    requests = QUICK_REQUESTS if options.quick else REQUESTS
    report = Report("grants", read_machine())
    with open_product() as product, superuser(product) as link:
        product.tenant.upload({"dags/bench.py": _FILE})
        with link.cursor() as cursor:
            cursor.execute(_MORE, [dags - 1, product.tenant.slug])
        actors = {
            "by role": reader(product, "by-role", grants=None),
            "1 grant": reader(product, "one", grants=1),
            f"{grants:,} grants": reader(product, "many", grants=grants),
        }
        with link.cursor() as cursor:
            cursor.execute("ANALYZE")  # as autovacuum does within a minute
        found: dict[tuple[str, str], list[Cost]] = {}
        for order in abba(list(actors), rounds_of(options)):
            for name in order:
                for sort, path in SORTS.items():
                    cost = ask(actors[name], path, requests, counter(link))
                    found.setdefault((sort, name), []).append(cost)
        check(actors, dags=dags, grants=grants)
    for (sort, name), costs in found.items():
        for what, unit in (("ms", "ms"), ("statements", "number"), ("pages", "number")):
            values = [float(asdict(cost)[what]) for cost in costs]
            label = f"{sort}, {name}" + ("" if what == "ms" else f": {what}")
            report.metrics.append(Metric(label, unit, {OURS: values}))
    report.notes.append(
        f"{dags:,} DAGs; {requests} requests of each sort a round; by service accounts' tokens"
    )
    report.notes.append("pages: 8 KiB pages that Postgres looked at, from memory or not, for one request")
    return finish(report, options)


def reader(product: Product, name: str, *, grants: int | None) -> Rest:
    """A service account: a Viewer, or one whose role allows nothing and who has so many grants of single DAGs."""
    tenant = product.tenant
    base = f"/api/portal/v1/tenants/{tenant.slug}"
    role = "Viewer"
    if grants is not None:
        role = f"Nothing {name}"
        tenant.portal.call("POST", f"{base}/roles", {"name": role, "permissions": []})
    account = tenant.portal.call("POST", f"{base}/service-accounts", {"name": name, "role": role})
    for number in range(grants or 0):
        body = {"kind": "dag", "name": f"bench_{number:05}", "level": "read", "service_account": name}
        tenant.portal.call("POST", f"{base}/grants", body)
    if grants:
        tell(f"{name}: {grants:,} grants made")
    made = tenant.portal.call("POST", f"{base}/service-accounts/{account['id']}/tokens", {"name": "bench"})
    return Rest(base_url=f"{product.stack.base_url}/t/{tenant.slug}", token=made["token"])


def ask(rest: Rest, path: str, requests: int, count: Callable[[], tuple[float, float]]) -> Cost:
    """Ask so often, after once unmeasured: statements are prepared once a connection."""
    rest.call("GET", path)
    before, began = count(), time.perf_counter()
    for _ in range(requests):
        rest.call("GET", path)
    spent = time.perf_counter() - began
    calls, pages = (after - earlier for after, earlier in zip(count(), before, strict=True))
    return Cost(spent * 1000 / requests, calls / requests, pages / requests)


def counter(link: Any) -> Callable[[], tuple[float, float]]:
    """(statements, pages) of the roles that serve people's requests, so far."""

    def count() -> tuple[float, float]:
        with link.cursor() as cursor:
            cursor.execute(
                "SELECT coalesce(sum(calls), 0), coalesce(sum(shared_blks_hit + shared_blks_read), 0) "
                "FROM pg_stat_statements s JOIN pg_roles r ON r.oid = s.userid "
                "WHERE r.rolname IN ('aerodrome_app', 'aerodrome_granted', 'aerodrome_auth')"
            )
            calls, pages = cursor.fetchone()
        return float(calls), float(pages)

    return count


def check(actors: dict[str, Rest], *, dags: int, grants: int) -> None:
    """That each saw what is theirs: a quick answer to another question would be no figure."""
    wanted = (dags, 1, grants)
    for (name, rest), number in zip(actors.items(), wanted, strict=True):
        seen = rest.call("GET", SORTS["a page of 100"])["total_entries"]
        if seen != number:
            raise RuntimeError(f"{name} sees {seen} DAGs, not {number}")
