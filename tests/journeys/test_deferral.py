"""Tasks that wait without a worker, through public doors only: timers, triggers, other runs."""

from __future__ import annotations

from tests.support.stack import Stack
from tests.support.stack_tenant import StackTenant

WAITS = {
    "plugins/my_triggers.py": """
        import asyncio
        from pathlib import Path

        from airflow.triggers.base import BaseTrigger, TaskSuccessEvent, TriggerEvent


        class Reads(BaseTrigger):
            def __init__(self, name, bad=False, ends=False):
                super().__init__()
                self.name, self.bad, self.ends = name, bad, ends

            def serialize(self):
                return "my_triggers.Reads", {"name": self.name, "bad": self.bad, "ends": self.ends}

            async def run(self):
                from airflow.sdk import Variable
                from asgiref.sync import sync_to_async

                self.log.info("the trigger reads %s", self.name)
                if self.bad:
                    raise ValueError("this trigger is bad")
                value = await sync_to_async(Variable.get)(self.name)
                if self.ends:
                    yield TaskSuccessEvent(xcoms={"return_value": value})
                else:
                    yield TriggerEvent({"value": value})
    """,
    "dags/waits.py": """
        from datetime import timedelta
        from pathlib import Path

        import pendulum
        from airflow.providers.standard.operators.trigger_dagrun import TriggerDagRunOperator
        from airflow.providers.standard.sensors.date_time import DateTimeSensorAsync
        from airflow.providers.standard.sensors.external_task import ExternalTaskSensor
        from airflow.providers.standard.sensors.time_delta import TimeDeltaSensorAsync
        from airflow.providers.standard.triggers.file import FileTrigger
        from airflow.sdk import DAG, BaseOperator, task
        from airflow.sdk.timezone import utcnow

        from my_triggers import Reads


        class Defers(BaseOperator):
            def __init__(self, trigger, timeout=None, **kwargs):
                super().__init__(**kwargs)
                self.trigger, self.patience = trigger, timeout

            def execute(self, context):
                print("before the wait")
                self.defer(trigger=self.trigger, method_name="resumed", kwargs={"kept": 7}, timeout=self.patience)

            def resumed(self, context, event=None, kept=None):
                print("after the wait", event)
                return {"event": str(event), "kept": kept, "try": context["ti"].try_number}


        with DAG("called", schedule=None):

            @task
            def quick():
                return 1

            quick()

        with DAG("waits", schedule=None):
            DateTimeSensorAsync(task_id="instant", target_time=pendulum.datetime(2020, 1, 1))
            TimeDeltaSensorAsync(task_id="soon", delta=timedelta(seconds=1))
            DateTimeSensorAsync(
                task_id="begins", start_from_trigger=True, target_time="{{ dag_run.run_after.isoformat() }}"
            )
            DateTimeSensorAsync(
                task_id="ends_there", start_from_trigger=True, end_from_trigger=True,
                target_time=pendulum.datetime(2020, 1, 1),
            )
            Defers(task_id="file", trigger=FileTrigger(filepath=__file__, poke_interval=0.2))
            Defers(task_id="own", trigger=Reads("word"))
            Defers(task_id="ends", trigger=Reads("word", ends=True))
            Defers(task_id="bad", trigger=Reads("word", bad=True))
            Defers(task_id="late", trigger=FileTrigger(filepath="/nowhere", poke_interval=0.2),
                   timeout=timedelta(seconds=2))
            calls = TriggerDagRunOperator(
                task_id="calls", trigger_dag_id="called", wait_for_completion=True, deferrable=True,
                poke_interval=1, logical_date="{{ dag_run.run_after }}",
            )
            calls >> ExternalTaskSensor(
                task_id="other", external_dag_id="called", external_task_id="quick", deferrable=True,
                poke_interval=1, execution_date_fn=lambda *_, **context: context["dag_run"].run_after,
            )
    """,
}


def test_tasks_wait_for_instants_triggers_and_other_runs(stack: Stack, tenant: StackTenant) -> None:
    tenant.call("POST", "/variables", {"key": "word", "value": "heard"})
    tenant.deploy(WAITS, "waits", "called")
    run = tenant.trigger("waits")
    tenant.until_over(run, seconds=120)
    states = {row["task_id"]: (row["state"], row["try_number"]) for row in tenant.instances(run)}
    logs = {name: tenant.log(run, name) for name, (state, _) in states.items() if state == "failed"}
    good = ["instant", "soon", "begins", "ends_there", "file", "own", "ends", "calls", "other"]
    expected = dict.fromkeys(good, ("success", 1))
    assert states == {**expected, "bad": ("failed", 1), "late": ("failed", 1)}, logs
    own = tenant.xcom(run, "own")
    assert own == {"event": "{'value': 'heard'}", "kept": 7, "try": 1}
    assert tenant.xcom(run, "ends") == "heard"
    told = tenant.until_logged("after the wait", run, "own")
    places = [told.index(text) for text in ("before the wait", "the trigger reads word", "after the wait")]
    assert places == sorted(places)
    assert "this trigger is bad" in logs["bad"]
    assert "TaskDeferralError" in logs["bad"]
    assert "TaskDeferralTimeout" in logs["late"]
    assert tenant.rows("SELECT id FROM trigger") == []
    assert tenant.rows("SELECT id FROM workload") == []
