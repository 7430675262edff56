"""kill -9 of each process while runs are in flight: nothing is lost, nothing is a success twice."""

from __future__ import annotations

import contextlib
import os
import signal
from collections.abc import Callable
from pathlib import Path

import psycopg2
import pytest

from tests.processes.in_flight import assert_all_well, in_flight
from tests.support import lively_dag
from tests.support.processes import alive, descendants
from tests.support.stack import Stack
from tests.support.stack_tenant import StackTenant


@pytest.fixture(scope="module")
def lively(_shared_stack: Stack) -> StackTenant:
    """A tenant whose DAG is deployed; each test makes its own runs."""
    tenant = _shared_stack.sign_up()
    tenant.deploy(lively_dag.FILES, "lively")
    return tenant


@pytest.mark.parametrize("name", ["scheduler", "gateway", "web", "agent", "postgres", "valkey"])
def test_a_killed_process_of_the_stack(stack: Stack, lively: StackTenant, name: str) -> None:
    runs = in_flight(lively)
    pid = stack.pid(name)
    below = descendants(pid)
    os.kill(pid, signal.SIGKILL)
    stack.until_restarted(name, pid=pid)
    stack.until(lambda: not any(alive(child) for child in below), f"what {name} had started to be gone")
    assert_all_well(lively, runs)


def test_a_killed_connection_of_postgres(stack: Stack, lively: StackTenant) -> None:
    """The postmaster then restarts every other process of the server: all connections drop at once."""
    runs = in_flight(lively)
    others = {name: stack.pid(name) for name in ("gateway", "scheduler", "agent", "web")}
    with contextlib.suppress(psycopg2.Error), stack.database("sched") as cursor:
        cursor.execute("SELECT pg_backend_pid()")
        os.kill(cursor.fetchone()[0], signal.SIGKILL)
        while True:
            cursor.execute("SELECT 1")
    assert_all_well(lively, runs)
    assert others == {name: stack.pid(name) for name in others}, "who lost the database waited for it"


def _first(agent: int, title: bytes) -> Callable[[], int]:
    def found() -> int:
        for pid in descendants(agent):
            try:
                if Path(f"/proc/{pid}/cmdline").read_bytes().startswith(title):
                    return pid
            except OSError:
                continue
        return 0

    return found


@pytest.mark.parametrize("title", [b"aerodrome-zygote base", b"aerodrome-spare", b"aerodrome-task"])
def test_a_killed_process_of_the_agent(stack: Stack, lively: StackTenant, title: bytes) -> None:
    runs = in_flight(lively)
    agent = stack.pid("agent")
    victim = stack.until(_first(agent, title), f"a process called {title!r}")
    os.kill(victim, signal.SIGKILL)
    assert_all_well(lively, runs)
    assert stack.pid("agent") == agent, "the agent itself went on"
