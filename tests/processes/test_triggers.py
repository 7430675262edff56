"""The agent that holds a trigger dies or falls silent: another has it within 30 s, and the task's try is not touched."""

from __future__ import annotations

import os
import signal
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.support.stack import Stack
from tests.support.stack_tenant import StackTenant

MOST_SECONDS = 30.0
FILES = {
    "plugins/patient.py": """
        import asyncio

        from airflow.triggers.base import BaseTrigger, TriggerEvent


        class Patient(BaseTrigger):
            def serialize(self):
                return "patient.Patient", {}

            async def run(self):
                from airflow.sdk import Variable
                from asgiref.sync import sync_to_async

                self.log.info("the trigger begins")
                while await sync_to_async(Variable.get)("go", "no") != "yes":
                    await asyncio.sleep(0.3)
                yield TriggerEvent("went")
    """,
    "dags/patience.py": """
        from airflow.sdk import DAG, BaseOperator, task

        from patient import Patient


        class Waits(BaseOperator):
            def execute(self, context):
                self.defer(trigger=Patient(), method_name="resumed")

            def resumed(self, context, event=None):
                return event


        with DAG("patience", schedule=None):
            for number in range(3):
                Waits(task_id=f"w{number}")
    """,
}


def test_triggers_of_a_killed_agent_move_within_30_seconds(stack: Stack, tenant: StackTenant) -> None:
    tenant.deploy(FILES, "patience")
    run = tenant.trigger("patience")
    names = [f"w{number}" for number in range(3)]
    for name in names:
        tenant.until_state(run, name, "deferred")
    tenant.until_logged("the trigger begins", run, "w0")
    before = {row[0] for row in tenant.rows("SELECT agent_epoch FROM workload WHERE kind = 'trigger'")}
    stack.kill("agent")
    killed = time.monotonic()

    def moved() -> bool:
        rows = tenant.rows("SELECT agent_id, agent_epoch FROM workload WHERE kind = 'trigger'")
        return len(rows) == 3 and all(agent and epoch not in before for agent, epoch in rows)

    stack.until(moved, "the triggers to be another process's")
    tenant.call("POST", "/variables", {"key": "go", "value": "yes"})
    assert tenant.until_over(run) == ["success"]
    assert time.monotonic() - killed < MOST_SECONDS
    assert {row["try_number"] for row in tenant.instances(run)} == {1}
    assert tenant.xcom(run, "w0") == "went"


def _agent_of(pid: int) -> dict[str, str]:
    """The environment of the stack's agent."""
    lines = Path(f"/proc/{pid}/environ").read_bytes().decode().split("\0")
    return dict(line.split("=", 1) for line in lines if "=" in line)


@contextmanager
def _second_agent(stack: Stack) -> Iterator[subprocess.Popen[bytes]]:
    """Another agent process beside the stack's, with the same runtimes."""
    first = stack.pid("agent")
    environment = _agent_of(first)
    own = Path(environment["AERODROME_AGENT_DIR"])
    other = own.with_name("agent-two")
    other.mkdir(mode=0o711, exist_ok=True)
    if not (other / "runtimes").exists():
        (other / "runtimes").symlink_to(own / "runtimes")
    environment |= {"AERODROME_AGENT_DIR": str(other), "AERODROME_AGENT_NAME": "second"}
    command = Path(f"/proc/{first}/cmdline").read_bytes().decode().split("\0")[:-1]
    with (stack.data / "logs" / "agent-two.log").open("ab") as output:
        process = subprocess.Popen(
            command, env=environment, cwd=Path(f"/proc/{first}/cwd").readlink(), stdout=output, stderr=output
        )
    try:
        yield process
    finally:
        process.kill()
        process.wait(30)


def _is_registered(stack: Stack, name: str) -> bool:
    with stack.database("sched") as cursor:
        cursor.execute("SELECT FROM agent WHERE name = %s AND lease_until > now()", [name])
        return cursor.fetchone() is not None


def test_triggers_move_from_a_silent_agent_and_back_from_a_dead_one(
    stack: Stack, tenant: StackTenant
) -> None:
    """No process takes the place of the one that is gone: only another agent can have its triggers."""
    tenant.deploy(FILES, "patience")
    run = tenant.trigger("patience")
    names = [f"w{number}" for number in range(3)]
    for name in names:
        tenant.until_state(run, name, "deferred")

    def holders() -> set[str]:
        rows = tenant.rows("SELECT agent_id, agent_epoch FROM workload WHERE kind = 'trigger'")
        held = {agent for agent, epoch in rows if agent and epoch >= 0}
        return {str(agent) for agent in held} if len(rows) == 3 and None not in dict(rows) else set()

    (first,) = stack.until(holders, "the first agent to hold them")
    pid = stack.pid("agent")
    with _second_agent(stack) as second:
        stack.until(lambda: _is_registered(stack, "second"), "the second agent")
        os.kill(pid, signal.SIGSTOP)
        try:
            silent = time.monotonic()
            stack.until(lambda: holders() and first not in holders(), "the second agent to hold them")
            assert time.monotonic() - silent < MOST_SECONDS
        finally:
            os.kill(pid, signal.SIGCONT)
        stack.until_healthy()
        assert len(holders()) == 1 and first not in holders()
        second.kill()
        killed = time.monotonic()
        (other,) = holders()
        stack.until(lambda: holders() and other not in holders(), "the first agent to hold them again")
        assert time.monotonic() - killed < MOST_SECONDS
        tenant.call("POST", "/variables", {"key": "go", "value": "yes"})
        assert tenant.until_over(run) == ["success"]
    assert {row["try_number"] for row in tenant.instances(run)} == {1}
    assert [tenant.xcom(run, name) for name in names] == ["went"] * 3
