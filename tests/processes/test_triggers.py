"""The agent that holds a trigger dies: another process has it within 30 s, and the task's try is not touched."""

from __future__ import annotations

import time

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
