"""Tenants that do nothing cost nothing that runs: no process, no connection."""

from __future__ import annotations

from tests.support.processes import descendants
from tests.support.stack import Stack

TENANTS = 50


def _connections(stack: Stack) -> int:
    """Clients of the database, whoever they are."""
    with stack.database("owner") as cursor:
        cursor.execute("SELECT count(*) FROM pg_stat_activity WHERE backend_type = 'client backend'")
        return int(cursor.fetchone()[0])


def _lasting(stack: Stack) -> tuple[list[int], int]:
    """Processes of the stack and connections, once two looks in a row agree."""
    seen: list[tuple[list[int], int]] = []

    def look() -> tuple[list[int], int] | None:
        own_backends = descendants(stack.pid("postgres"))
        supervisor = int(stack.status()["supervisor_pid"])
        processes = sorted(set(descendants(supervisor)) - set(own_backends))
        seen.append((processes, _connections(stack)))
        return seen[-1] if len(seen) > 1 and seen[-1] == seen[-2] else None

    return stack.until(look, "processes and connections to stay the same for two looks")


def test_fifty_idle_tenants_add_no_process_and_no_connection(stack: Stack) -> None:
    for _ in range(8):
        stack.sign_up()  # every worker and thread of the web server has connected by now
    before = _lasting(stack)
    for _ in range(TENANTS):
        stack.sign_up()
    assert _lasting(stack) == before
