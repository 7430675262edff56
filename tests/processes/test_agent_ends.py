"""The agent is told to end (SIGTERM) while tasks run: what can finish does, what has not begun is handed back."""

from __future__ import annotations

import os
import signal

from tests.support.stack import Stack
from tests.support.stack_tenant import StackTenant

FILES = {
    "dags/steady.py": """
        import time

        from airflow.sdk import dag, task


        @dag(schedule=None)
        def steady():
            @task
            def works(number, ti=None):
                print("at work")
                time.sleep(1.0)
                return ti.try_number

            works.expand(number=list(range(10)))


        steady()
    """,
}


def test_tasks_without_retries_survive_the_end_of_their_agent(stack: Stack, tenant: StackTenant) -> None:
    """Ten tasks, four slots: some run, the others wait or were claimed a moment ago."""
    tenant.deploy(FILES, "steady")
    run = tenant.trigger("steady")

    def some_at_work() -> bool:
        states = [row["state"] for row in tenant.instances(run)]
        return states.count("running") >= 2

    stack.until(some_at_work, "tasks to run")
    agent = stack.pid("agent")
    os.kill(agent, signal.SIGTERM)
    stack.until_restarted("agent", pid=agent)
    assert tenant.until_over(run) == ["success"]
    rows = tenant.instances(run)
    assert [row["state"] for row in rows] == ["success"] * 10
    assert {row["try_number"] for row in rows} == {1}, "no try was spent"
    assert tenant.rows("SELECT id FROM task_try") == []
