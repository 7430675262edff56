"""Deferral in its less plain forms, on a whole stack: mapped, twice, with time-outs, stopped by a person."""

from __future__ import annotations

import pytest

from tests.support.stack import Stack
from tests.support.stack_tenant import Run, StackTenant

FILES = {
    "plugins/echoes.py": """
        import asyncio

        from airflow.triggers.base import BaseTrigger, TriggerEvent


        class Echo(BaseTrigger):
            def __init__(self, word, after=0.0):
                super().__init__()
                self.word, self.after = word, after

            def serialize(self):
                return "echoes.Echo", {"word": self.word, "after": self.after}

            async def run(self):
                self.log.info("the trigger waits")
                await asyncio.sleep(self.after)
                yield TriggerEvent(self.word)

            async def on_kill(self):
                self.log.info("the trigger was killed")
    """,
    "dags/forms.py": """
        import time
        from datetime import timedelta

        from airflow.sdk import DAG, BaseOperator

        from echoes import Echo


        class Defers(BaseOperator):
            def __init__(self, word, after=0.0, slow=0.0, timeout=None, **kwargs):
                super().__init__(**kwargs)
                self.word, self.after, self.slow, self.patience = word, after, slow, timeout

            def execute(self, context):
                self.defer(
                    trigger=Echo(self.word, self.after), method_name="resumed",
                    timeout=self.patience and timedelta(seconds=self.patience),
                )

            def resumed(self, context, event=None):
                time.sleep(self.slow)
                return [event, context["ti"].map_index, context["ti"].try_number]


        class Twice(Defers):
            def resumed(self, context, event=None):
                self.defer(trigger=Echo(event + " again"), method_name="again", kwargs={"kept": event})

            def again(self, context, event=None, kept=None):
                return [kept, event]


        with DAG("forms", schedule=None):
            Defers.partial(task_id="each", after=0.5).expand(word=["a", "b", "c"])
            Twice(task_id="twice", word="said")
            Defers(task_id="waits_longer", word="x", after=5.0, execution_timeout=timedelta(seconds=3))
            Defers(task_id="works_longer", word="x", slow=60.0, execution_timeout=timedelta(seconds=3))
            Defers(task_id="late", word="x", after=60.0, timeout=2.0)

        with DAG("stopped", schedule=None):
            Defers(task_id="waits", word="x", after=3600.0)
    """,
}


@pytest.fixture(scope="module")
def tenant(_shared_stack: Stack) -> StackTenant:
    made = _shared_stack.sign_up()
    made.deploy(FILES, "forms", "stopped")
    return made


def test_mapped_twice_and_with_time_outs(tenant: StackTenant) -> None:
    run = tenant.trigger("forms")
    tenant.until_over(run)
    assert tenant.states(run) == {
        "each": ["success"] * 3,
        "twice": "success",
        "waits_longer": "success",
        "works_longer": "failed",
        "late": "failed",
    }
    found = [tenant.xcom(run, "each", map_index=index) for index in range(3)]
    assert found == [["a", 0, 1], ["b", 1, 1], ["c", 2, 1]]
    assert tenant.xcom(run, "twice") == ["said", "said again"]
    # As in Airflow, the time-out is each process's: what the trigger takes does not count.
    assert tenant.xcom(run, "waits_longer") == ["x", -1, 1]
    tenant.until_logged("AirflowTaskTimeout", run, "works_longer")
    tenant.until_logged("TaskDeferralTimeout", run, "late")


def _until_waiting(tenant: StackTenant, run: Run, try_number: int) -> None:
    tenant.until_state(run, "waits", "deferred")
    tenant.until_logged("the trigger waits", run, "waits", try_number=try_number)


def test_a_cleared_and_a_marked_task_kill_their_trigger(tenant: StackTenant) -> None:
    run = tenant.trigger("stopped")
    _until_waiting(tenant, run, 1)
    body = {"dry_run": False, "dag_run_id": run.run_id, "task_ids": ["waits"], "only_failed": False}
    tenant.call("POST", "/dags/stopped/clearTaskInstances", body)
    tenant.until_logged("the trigger was killed", run, "waits", try_number=1)
    _until_waiting(tenant, run, 2)
    path = f"/dags/stopped/dagRuns/{run.run_id}/taskInstances/waits"
    tenant.call("PATCH", path, {"new_state": "success"})
    assert tenant.until_over(run) == ["success"]
    tenant.until_logged("the trigger was killed", run, "waits", try_number=2)
    assert tenant.rows("SELECT id FROM trigger") == tenant.rows("SELECT id FROM workload") == []


def test_a_dag_is_deleted_with_its_deferred_tasks(tenant: StackTenant) -> None:
    run = tenant.trigger("stopped")
    _until_waiting(tenant, run, 1)
    tenant.call("DELETE", "/dags/stopped")
    assert tenant.rows("SELECT id FROM trigger") == tenant.rows("SELECT id FROM workload") == []
