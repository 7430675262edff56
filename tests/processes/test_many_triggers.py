"""2,000 tasks wait for a trigger of their author's, on a whole stack: one process holds them, and workers are free."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.support.stack import Stack, started_stack
from tests.support.stack_tenant import StackTenant

MANY = 2000
MOST_MEMORY = 400 * 1024 * 1024
FILES = {
    "plugins/crowded.py": """
        import asyncio

        from airflow.triggers.base import BaseTrigger, TaskSuccessEvent


        class Waits(BaseTrigger):
            gone = None

            def serialize(self):
                return "crowded.Waits", {}

            async def run(self):
                # One of them looks for all.
                if Waits.gone is None:
                    Waits.gone = asyncio.create_task(self.look())
                await asyncio.shield(Waits.gone)
                yield TaskSuccessEvent()

            async def look(self):
                from airflow.sdk import Variable
                from asgiref.sync import sync_to_async

                while await sync_to_async(Variable.get)("go", "no") != "yes":
                    await asyncio.sleep(0.5)
    """,
    "dags/crowd.py": """
        from airflow.sdk import DAG, BaseOperator, task
        from airflow.triggers.base import StartTriggerArgs


        class Waits(BaseOperator):
            start_from_trigger = True
            start_trigger_args = StartTriggerArgs("crowded.Waits", "resumed", {}, None, None)

            def execute(self, context):
                raise AssertionError("it begins in its trigger")


        with DAG("crowd", schedule=None):
            for number in range(2000):
                Waits(task_id=f"w{number}")

        with DAG("small", schedule=None):

            @task
            def works():
                return "worked"

            works()
    """,
}


def _triggerers(slug: str) -> list[int]:
    """The memory of each process that runs triggers of the tenant."""
    found = []
    for folder in Path("/proc").glob("[0-9]*"):
        try:
            title = (folder / "cmdline").read_bytes().replace(b"\0", b" ").decode(errors="replace")
            if title.startswith(f"aerodrome-triggers {slug}"):
                lines = (folder / "status").read_text().splitlines()
                found.append(1024 * int(next(line for line in lines if line.startswith("VmRSS")).split()[1]))
        except (OSError, StopIteration):
            continue
    return found


@pytest.mark.heavy
def test_2000_deferred_tasks_hold_one_process_and_no_slot() -> None:
    with started_stack(AERODROME_AGENT_TRIGGERS=str(MANY)) as stack:
        _walk(stack, stack.sign_up())


def _walk(stack: Stack, tenant: StackTenant) -> None:
    tenant.deploy(FILES, "crowd", "small")
    crowd = tenant.trigger("crowd")

    def held() -> bool:
        rows = tenant.rows("SELECT count(*) FROM workload WHERE kind = 'trigger' AND agent_id IS NOT NULL")
        return rows[0][0] == MANY

    stack.until(held, "all triggers to be held", seconds=240.0)
    small = tenant.trigger("small")
    assert tenant.until_over(small) == ["success"]
    assert tenant.rows("SELECT state, count(*) FROM task_instance WHERE dag_id = 'crowd' GROUP BY 1") == [
        ("deferred", MANY)
    ]
    memory = _triggerers(tenant.slug)
    print(f"{MANY} triggers in {len(memory)} process, {sum(memory) // 2**20} MiB resident")
    assert len(memory) == 1
    assert memory[0] < MOST_MEMORY
    tenant.call("POST", "/variables", {"key": "go", "value": "yes"})
    assert tenant.until_over(crowd, seconds=240.0) == ["success"]
    ended = tenant.rows(
        "SELECT state, try_number, count(*) FROM task_instance WHERE dag_id = 'crowd' GROUP BY 1, 2"
    )
    assert ended == [("success", 1, MANY)]
    assert tenant.rows("SELECT id FROM workload") == tenant.rows("SELECT id FROM trigger") == []
