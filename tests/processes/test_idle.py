"""Tenants that do nothing cost nothing that runs: no process, no connection."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from uuid import uuid4

from tests.support.processes import descendants, processes_named
from tests.support.stack import Stack

TENANTS = 50


def _connections(stack: Stack) -> int:
    """Clients of the database, whoever they are."""
    with stack.database("owner") as cursor:
        cursor.execute("SELECT count(*) FROM pg_stat_activity WHERE datname IS NOT NULL")
        return int(cursor.fetchone()[0])


def _servers(stack: Stack) -> set[int]:
    """The control plane's processes with their children."""
    roots = {stack.pid(name) for name in ("web", "gateway", "scheduler", "periodic", "valkey", "agent")}
    return roots | {
        pid for name in ("web", "gateway", "scheduler", "periodic") for pid in descendants(stack.pid(name))
    }


def test_fifty_idle_tenants_add_no_process_and_no_connection(stack: Stack) -> None:
    portal = stack.sign_up().login.portal

    def provision(_: int) -> None:
        slug = f"idle-{uuid4().hex[:10]}"
        made = portal.call("POST", "/api/portal/v1/tenants", {"slug": slug, "name": slug})
        assert made["tenant"]["slug"] == slug

    counts = [0]
    while len(counts) < 4 or len(set(counts[-3:])) > 1:  # until every thread of the web server has its own
        with ThreadPoolExecutor(16) as many:
            list(many.map(provision, range(32)))
        counts.append(_connections(stack))
    servers, connections = _servers(stack), counts[-1]
    assert connections > 4, "the count sees other roles' connections"
    for number in range(TENANTS):
        provision(number)
    assert _connections(stack) <= connections
    assert _servers(stack) <= servers
    assert processes_named(b"idle-") == [], "the agent's children carry their tenant's name"
