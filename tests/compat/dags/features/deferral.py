"""Deferral to timers: resumed with what was kept, timed out, and a sensor"""

from datetime import timedelta

from airflow.providers.standard.sensors.time_delta import TimeDeltaSensorAsync
from airflow.providers.standard.triggers.temporal import TimeDeltaTrigger
from airflow.sdk import DAG, BaseOperator


class Waits(BaseOperator):
    def execute(self, context):
        self.defer(
            trigger=TimeDeltaTrigger(timedelta(seconds=1)), method_name="resume", kwargs={"kept": [1, 2]}
        )

    def resume(self, context, event=None, kept=None):
        return {"kept": kept, "has_event": event is not None}


class WaitsTooLong(BaseOperator):
    def execute(self, context):
        self.defer(
            trigger=TimeDeltaTrigger(timedelta(minutes=10)),
            method_name="resume",
            timeout=timedelta(seconds=1),
        )

    def resume(self, context, event=None):
        return "never"


with DAG("feature_deferral_timers", schedule=None):
    Waits(task_id="waits")
    WaitsTooLong(task_id="waits_too_long")
    TimeDeltaSensorAsync(task_id="sensor", delta=timedelta(seconds=1))
