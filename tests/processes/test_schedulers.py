"""Several schedulers at once: one that sleeps past its lease does nothing twice when it wakes."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.processes.in_flight import assert_all_well, in_flight
from tests.support import lively_dag
from tests.support.stack import CHECKOUT, Stack
from tests.support.stack_tenant import StackTenant


@contextmanager
def another_scheduler(stack: Stack) -> Iterator[subprocess.Popen[bytes]]:
    """A second scheduler with the environment of the first."""
    environment = dict(
        part.split("=", 1)
        for part in Path(f"/proc/{stack.pid('scheduler')}/environ").read_text().split("\0")
        if "=" in part
    )
    with (stack.data / "logs" / "another-scheduler.log").open("wb") as log:
        process = subprocess.Popen(
            [sys.executable, str(CHECKOUT / "manage.py"), "scheduler"],
            cwd=CHECKOUT, env=environment, stdin=subprocess.DEVNULL, stdout=log, stderr=log,
        )  # fmt: skip
    try:
        yield process
    finally:
        process.send_signal(signal.SIGTERM)
        process.wait(30)


@contextmanager
def frozen(pid: int) -> Iterator[None]:
    os.kill(pid, signal.SIGSTOP)
    try:
        yield
    finally:
        os.kill(pid, signal.SIGCONT)


def test_a_scheduler_that_slept_past_its_lease_does_nothing_twice(stack: Stack, tenant: StackTenant) -> None:
    tenant.deploy(lively_dag.FILES, "lively")
    runs = in_flight(tenant)
    with frozen(stack.pid("scheduler")):
        with another_scheduler(stack) as other:
            assert_all_well(tenant, runs)  # the other one took the lease when it had lapsed
            more = in_flight(tenant)
            os.kill(stack.pid("scheduler"), signal.SIGCONT)
            assert_all_well(tenant, more)
            with frozen(other.pid):
                assert_all_well(tenant, [tenant.trigger("lively")])
            assert other.poll() is None
            assert_all_well(tenant, [tenant.trigger("lively")])
