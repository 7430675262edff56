"""Every named crash point on the walk of a whole stack: the process dies exactly there, and the walk ends well.

The restarted process has no crash point. What a client does about a request that broke off is to ask again.
"""

from __future__ import annotations

import os
import signal
from collections.abc import Callable
from dataclasses import dataclass
from uuid import uuid4

import pytest

from controlplane.foundation.crashpoints import LAST_WORDS, POINTS
from launcher.demo.http import DemoRefused
from tests.support.processes import alive
from tests.support.stack import Stack
from tests.support.stack_invariants import assert_ledger_sound
from tests.support.stack_tenant import Run, StackTenant

DAG = """
    import time

    from airflow.sdk import dag, task

    @dag(dag_id="{dag_id}", schedule=None, default_args={{"retries": 4, "retry_delay": 0}})
    def walked():
        @task
        def begin(ti=None):
            return ti.try_number

        @task
        def end(before, ti=None, dag_run=None):
            time.sleep(dag_run.conf.get("seconds", 0))
            return ti.try_number

        end(begin())

    walked()
"""

PASSAGES = {
    "bundles.publish.before_commit": ("web", 1),
    "bundles.publish.after_commit": ("web", 1),
    "runs.create.before_commit": ("web", 1),
    "runs.create.after_commit": ("web", 1),
    "dagprocessor.store.before_commit": ("gateway", 1),
    "dagprocessor.store.after_commit": ("gateway", 1),
    "executors.claim.before_commit": ("gateway", 1),
    "executors.claim.after_commit": ("gateway", 2),
    "execution.report.before_commit": ("gateway", 2),
    "execution.report.after_commit": ("gateway", 2),
    "scheduler.work.after_lease": ("scheduler", 2),
    "scheduler.work.before_commit": ("scheduler", 2),
    "scheduler.work.after_commit": ("scheduler", 2),
}
"""Point -> the process that passes it on the walk, and the passage at which it dies."""
LEASE_LAPSES = ("scheduler.work.after_lease", "scheduler.work.after_commit")
"""Each waits for a dead scheduler's lease; one such wait is in the short run already."""
RESCUE = ("maintenance.rescue.before_commit", "maintenance.rescue.after_commit")
COMMANDS = ("secrets.rotate.before_commit",)
"""Not on the walk: died at in tests/services/secrets/test_rotation.py."""


def test_no_point_is_forgotten() -> None:
    assert {*PASSAGES, *RESCUE, *COMMANDS} == {*POINTS}


@pytest.fixture(scope="module")
def walker(_shared_stack: Stack) -> StackTenant:
    return _shared_stack.sign_up()


@dataclass
class Armed:
    """A process that will die at a crash point, perhaps before its pid can be asked for: work may wait for it.

    `told` is how much its log said before.
    """

    stack: Stack
    name: str
    point: str
    told: int
    pid: int

    @classmethod
    def at(cls, stack: Stack, name: str, point: str, nth: int) -> Armed:
        told = len(stack.log(name))
        pid = stack.crash_next(name, point=point, nth=nth)
        stack.until_healthy()
        return cls(stack, name, point, told, pid)

    def has_died(self) -> bool:
        return f"{LAST_WORDS} {self.point}" in self.stack.log(self.name)[self.told :]

    def disarm(self) -> None:
        """A worker that died is started again by its web server with the same variable: replace the server."""
        if self.name == "web" and self.has_died() and alive(self.pid):
            os.kill(self.pid, signal.SIGKILL)
            self.stack.until_restarted("web", pid=self.pid)


def insist(armed: Armed, step: Callable[[], bool], what: str) -> None:
    """What a client does: ask until it is answered."""

    def attempt() -> bool:
        try:
            return step()
        except DemoRefused:
            armed.disarm()
            return False

    armed.stack.until(attempt, what)


def walk(armed: Armed, tenant: StackTenant) -> Run:
    """Push a new DAG and ask for a run of it, as often as it takes."""
    dag_id = f"walked_{uuid4().hex[:8]}"

    def pushed() -> bool:
        if tenant.push({"dags/walked.py": DAG.format(dag_id=dag_id)}).status == 0:
            return True
        armed.disarm()
        return False

    insist(armed, pushed, "the push to go through")
    insist(armed, lambda: dag_id in tenant.dags(), "the DAG to be listed")
    run = Run(dag_id, f"asked__{dag_id}")

    def triggered() -> bool:
        try:
            tenant.call("POST", f"/dags/{dag_id}/dagRuns", {"dag_run_id": run.run_id, "logical_date": None})
        except DemoRefused as refused:
            if "answered with 409" not in str(refused):  # it was made, and we had not heard
                raise
        return True

    insist(armed, triggered, "the run to be made")
    return run


def assert_ended_well(tenant: StackTenant, run: Run) -> None:
    """A success, of one try each, and a sound ledger."""
    assert tenant.until_over(run) == ["success"]
    for row in tenant.instances(run):
        assert row["state"] == "success"
        assert tenant.xcom(run, row["task_id"]) == row["try_number"]
    twice = tenant.rows(
        """SELECT ti.task_id FROM task_instance ti JOIN task_try t ON t.task_instance_id = ti.id
           WHERE ti.run_id = %(run)s AND t.state = 'success'""",
        run=run.run_id,
    )
    assert twice == []
    assert_ledger_sound(tenant)


def crash_on_the_walk(stack: Stack, tenant: StackTenant, name: str, point: str, nth: int) -> None:
    armed = Armed.at(stack, name, point, nth)
    run = walk(armed, tenant)
    assert_ended_well(tenant, run)
    armed.disarm()
    assert armed.has_died(), f"{point} was not passed {nth} times"


@pytest.mark.parametrize("point", [point for point in PASSAGES if point not in LEASE_LAPSES])
def test_crash_on_the_walk(stack: Stack, walker: StackTenant, point: str) -> None:
    crash_on_the_walk(stack, walker, PASSAGES[point][0], point, PASSAGES[point][1])


PASSED_AT_MOST = {
    "dagprocessor.store.before_commit": 1,
    "dagprocessor.store.after_commit": 1,
    "executors.claim.before_commit": 2,
}
"""How often the shortest walk passes a point: one parse, two tasks. The others are passed three times and more."""


@pytest.mark.heavy
@pytest.mark.parametrize(
    ("point", "nth"),
    [
        (point, nth)
        for point, (process, _) in PASSAGES.items()
        if process != "web"
        for nth in range(1, PASSED_AT_MOST.get(point, 3) + 1)
    ],
)
def test_crash_at_each_passage(stack: Stack, walker: StackTenant, point: str, nth: int) -> None:
    crash_on_the_walk(stack, walker, PASSAGES[point][0], point, nth)


@pytest.mark.parametrize("point", RESCUE)
def test_crash_while_rescuing(stack: Stack, walker: StackTenant, point: str) -> None:
    dag_id = f"lost_{uuid4().hex[:8]}"
    walker.deploy({"dags/walked.py": DAG.format(dag_id=dag_id)}, dag_id)
    armed = Armed.at(stack, "scheduler", point, 1)
    run = walker.trigger(dag_id, conf={"seconds": 1})
    walker.until_state(run, "end", "running")
    stack.until_restarted("agent", pid=stack.kill("agent"))
    assert_ended_well(walker, run)
    assert armed.has_died(), f"{point} was not passed"
    (lost,) = [row for row in walker.instances(run) if row["task_id"] == "end"]
    assert lost["try_number"] == 2, "the lost attempt cost one try, once"
